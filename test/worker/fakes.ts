/** Programs that stand in for those of a cluster or a container engine: real processes, which write down how they were called. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Fakes {
  /** Where they keep what they do. */
  folder: string;
  /** A worker's environment that finds them first. */
  environment: Record<string, string | undefined>;
  /** Each call so far: the program's name and its arguments. */
  calls(): string[][];
  remove(): void;
}

/** Makes each program of its shell script, which finds `$folder` set and its call written down. */
export function makeFakes(scripts: Record<string, string>): Fakes {
  const folder = mkdtempSync(join(tmpdir(), "escapement-fakes-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const log = join(folder, "calls");
  writeFileSync(log, "");
  for (const [name, script] of Object.entries(scripts)) {
    const file = join(bin, name);
    // One write for each call, so that two at once do not mix.
    writeFileSync(
      file,
      `#!/bin/sh\nfolder='${folder}'\ncall=$(printf '%s\\t' ${name} "$@")\nprintf '%s\\n' "$call" >> '${log}'\n${script}`,
    );
    chmodSync(file, 0o755);
  }
  return {
    folder,
    environment: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    calls: () =>
      readFileSync(log, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => line.split("\t").slice(0, -1)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * An engine whose containers are processes in sessions of their own, as a daemon's would be: what ends the command line
 * does not end them. The image `sleeper` heeds no SIGTERM.
 */
export const FAKE_ENGINE = `
command=$1; shift
containers="$folder/containers"; mkdir -p "$containers"
case $command in
  run)
    while [ $# -gt 0 ]; do
      case $1 in
        --name) name=$2; shift 2 ;;
        --label) case $2 in escapement.run=*) run=$2 ;; esac; shift 2 ;;
        --env-file) cp "$2" "$folder/env"; shift 2 ;;
        --mount) case $2 in *target=/escapement/output) output=\${2#*source=}; output=\${output%%,*} ;; esac; shift 2 ;;
        --rm) shift ;;
        --*) shift 2 ;;
        *) image=$1; shift; break ;;
      esac
    done
    [ "$image" = missing ] && { echo "Unable to find image" >&2; exit 125; }
    [ "$image" = sleeper ] && trap '' TERM
    ESCAPEMENT_OUTPUT=$output setsid "$@" &
    echo $! > "$containers/$name"; echo "$run" > "$containers/$name.run"
    # The command line hands signals on in its own way; this one only waits.
    trap : TERM
    while kill -0 $! 2>/dev/null; do wait $!; code=$?; done
    exit $code ;;
  stop)
    seconds=$2; file="$containers/$3"
    [ -f "$file" ] || exit 1
    [ -f "$folder/stuck" ] && exit 1
    kill -s TERM -- "-$(cat "$file")" ;;
  kill) kill -s KILL -- "-$(cat "$containers/$1")" ;;
  rm)
    shift 2
    for name; do
      [ -f "$containers/$name" ] || continue
      kill -s KILL -- "-$(cat "$containers/$name")" 2>/dev/null
      rm "$containers/$name" "$containers/$name.run"
    done ;;
  ps)
    [ -f "$folder/away" ] && { echo "Cannot connect to the daemon" >&2; exit 1; }
    for file in "$containers"/*.run; do
      [ -f "$file" ] && [ "label=$(cat "$file")" = "$3" ] && basename "$file" .run
    done
    exit 0 ;;
esac
`;
