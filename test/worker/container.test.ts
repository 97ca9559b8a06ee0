/** The container task, with an engine that writes down how it is called and whose containers are real processes. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cancelled, type ContainerOptions, container, DoNotRetry, LeaseLost } from "../../worker/index.ts";
import { contextFor } from "./context.ts";
import { FAKE_ENGINE, type Fakes, makeFakes } from "./fakes.ts";
import { expectGone } from "./processes.ts";

let fakes: Fakes;
beforeEach(() => {
  fakes = makeFakes({ docker: FAKE_ENGINE });
});
afterEach(() => fakes.remove());

const task = (options: Partial<ContainerOptions> = {}) =>
  container({ environment: fakes.environment, killGraceSeconds: 0.2, ...options });
/** The arguments of `docker run`. */
const runArgs = () => fakes.calls().find(([, command]) => command === "run") ?? [];
const verbs = () => fakes.calls().map(([, command]) => command);
const left = () => {
  const folder = join(fakes.folder, "containers");
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe("a container", () => {
  test("runs, logs, gives its output and is removed", async () => {
    const context = contextFor();
    const script = "echo hello; echo oops >&2; echo '#{setValue(a=1)}'; echo b=2 > $ESCAPEMENT_OUTPUT";
    const output = await task()({ image: "alpine:3", command: script }, context);
    expect(output).toEqual({ exitCode: 0, stdout: "hello\n#{setValue(a=1)}", a: "1", b: "2" });
    expect(context.lines).toEqual(
      expect.arrayContaining([
        { level: "info", message: "hello" },
        { level: "warn", message: "oops" },
      ]),
    );
    expect(fakes.calls().at(-1)).toEqual(["docker", "rm", "--force", "--volumes", "escapement-4711-7"]);
    expect(left()).toEqual([]);
  });

  test("carries run and fence, is pulled when missing and gains no rights", async () => {
    await task()({ image: "alpine", command: ["true"] }, contextFor());
    const args = runArgs().join(" ");
    expect(args).toContain("docker run --rm --name escapement-4711-7");
    expect(args).toContain("--label escapement.run=4711 --label escapement.fence=7");
    expect(args).toContain("--security-opt no-new-privileges --pull missing");
    expect(args).not.toContain("--privileged");
    expect(args.endsWith("alpine true")).toBe(true);
  });

  test("gets its limits, its directories and its command", async () => {
    const input = {
      ...{ image: "alpine", command: ["true", "--privileged"], entrypoint: "/bin/env", workdir: "/work" },
      ...{ memory: "512m", cpus: 0.5, pull: "never", network: "none" },
    };
    await task()(input, contextFor());
    const args = runArgs().join(" ");
    expect(args).toContain("--pull never");
    expect(args).toContain(
      "--memory 512m --cpus 0.5 --network none --workdir /work --entrypoint /bin/env alpine true",
    );
  });

  test("gets its environment by a file that only the worker reads, and none of the worker's", async () => {
    await task()({ image: "alpine", command: "true", env: { SECRET: "s3cret=x y" } }, contextFor());
    const lines = readFileSync(join(fakes.folder, "env"), "utf8").trim().split("\n");
    expect(lines).toContain("SECRET=s3cret=x y");
    expect(lines).toContain("ESCAPEMENT_RUN=4711");
    expect(lines.map((line) => line.split("=")[0])).not.toContain("PATH");
    expect(fakes.calls().flat().join(" ")).not.toContain("s3cret");
    const file = runArgs()[runArgs().indexOf("--env-file") + 1] ?? "";
    expect(existsSync(file)).toBe(false);
  });

  test("fails with its exit code and its last lines", async () => {
    const failing = task()({ image: "alpine", command: "echo broken >&2; exit 3" }, contextFor());
    await expect(failing).rejects.toThrow("The container exited with code 3:\nbroken");
    await expect(task()({ image: "missing", command: "true" }, contextFor())).rejects.toThrow(
      "exited with code 125:\nUnable to find image",
    );
  });
});

describe("a stopped run", () => {
  test("stops its container, which may tidy up, and removes it", async () => {
    const context = contextFor();
    const command = "trap 'echo tidied; exit 0' TERM; echo pid=$$; while :; do sleep 0.05; done";
    const running = task({ killGraceSeconds: 3 })({ image: "alpine", command }, context);
    await context.logged("pid=");
    context.stop(new Cancelled());
    await expect(running).rejects.toBeInstanceOf(Cancelled);
    await expectGone(Number(context.lines[0]?.message.split("=")[1]));
    expect(context.lines).toContainEqual({ level: "info", message: "tidied" });
    expect(verbs()).toEqual(["ps", "run", "stop", "rm"]);
    expect(fakes.calls()[2]).toEqual(["docker", "stop", "-t", "3", "escapement-4711-7"]);
  });

  test("kills what cannot be stopped", async () => {
    writeFileSync(join(fakes.folder, "stuck"), "");
    const context = contextFor();
    const running = task()({ image: "sleeper", command: "echo pid=$$; sleep 600 & wait" }, context);
    await context.logged("pid=");
    context.stop(new LeaseLost());
    await expect(running).rejects.toBeInstanceOf(LeaseLost);
    await expectGone(Number(context.lines[0]?.message.split("=")[1]));
    expect(verbs()).toEqual(["ps", "run", "stop", "kill", "rm"]);
    expect(left()).toEqual([]);
  });
});

describe("what an earlier attempt left", () => {
  const leave = async (fence: number) => {
    const context = contextFor({ fence });
    const running = task()({ image: "alpine", command: "echo pid=$$; exec sleep 600" }, context);
    running.catch(() => undefined);
    await context.logged("pid=");
    return { pid: Number(context.lines[0]?.message.split("=")[1]), running };
  };

  test("is removed before the next one begins, and nothing of a later one", async () => {
    const earlier = await leave(5);
    const later = await leave(9);
    await task()({ image: "alpine", command: "true" }, contextFor({ fence: 7 }));
    await expectGone(earlier.pid);
    expect(left()).toContain("escapement-4711-9");
    process.kill(-later.pid, "SIGKILL");
    await Promise.allSettled([earlier.running, later.running]);
  });

  test("cannot be looked for when the engine is away, which fails the run", async () => {
    writeFileSync(join(fakes.folder, "away"), "");
    const failing = task()({ image: "alpine" }, contextFor());
    await expect(failing).rejects.toThrow("The container engine does not work: Cannot connect");
    await expect(failing).rejects.not.toBeInstanceOf(DoNotRetry);
  });
});

describe("the operator's rules", () => {
  const refused = async (input: object, options: Partial<ContainerOptions>, message: string) => {
    const failing = task(options)({ image: "alpine", ...input }, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
    expect(verbs()).not.toContain("run");
  };

  test("name images", async () => {
    const images = ["alpine", "registry.example/team/*"];
    await refused({ image: "alpine:evil" }, { images }, "input.image is not one");
    await refused({ image: "registry.example/other/x" }, { images }, "input.image is not one");
    await task({ images })({ image: "registry.example/team/x:1", command: ["true"] }, contextFor());
    expect(verbs()).toContain("run");
  });

  test("limit memory and processors, also for those who ask for nothing", async () => {
    const limits = { memory: "1g", cpus: 2 };
    await refused({ memory: "1025m" }, limits, "input.memory may be up to 1g");
    await refused({ cpus: 3 }, limits, "input.cpus may be up to 2");
    await task(limits)({ image: "alpine", command: ["true"] }, contextFor());
    expect(runArgs().join(" ")).toContain("--memory 1g --cpus 2");
  });

  test("open folders of the host, whatever a link says", async () => {
    const data = join(fakes.folder, "data");
    const inner = join(data, "inner");
    mkdirSync(inner, { recursive: true });
    symlinkSync("/etc", join(data, "link"));
    const mount = (source: string, more = {}) => ({ mounts: [{ source, target: "/in", ...more }] });
    const mounts = [data];
    await refused(mount(data), {}, "input.mounts[0].source is not a path");
    await refused(mount("/etc"), { mounts }, "input.mounts[0].source is not a path");
    await refused(mount(join(data, "link")), { mounts }, "input.mounts[0].source is not a path");
    await refused(mount(join(data, "..")), { mounts }, "input.mounts[0].source is not a path");
    await refused(mount(`${data}-other`), { mounts }, "input.mounts[0].source is not a path");
    await refused(mount(data, { readOnly: false }), { mounts }, "input.mounts[0] must be read-only");
    await refused(mount(data, { target: "/in,readonly=false" }), { mounts }, "without commas");
    const input = { image: "alpine", command: ["true"], ...mount(inner) };
    await task({ mounts })(input, contextFor());
    expect(runArgs()).toContain(`type=bind,source=${inner},target=/in,readonly`);
  });

  test("let a folder be written to", async () => {
    const data = join(fakes.folder, "data");
    mkdirSync(data);
    const mounts = [{ source: data, target: "/out", readOnly: false }];
    await task({ mounts: [`${data}:rw`] })({ image: "alpine", command: ["true"], mounts }, contextFor());
    expect(runArgs()).toContain(`type=bind,source=${data},target=/out`);
  });
});

test.each([
  [{ image: "--privileged" }, "input.image must look like python:3.13-slim"],
  [{ image: "a b" }, "input.image must look like"],
  [{ image: "alpine", privileged: true }, 'has no member "privileged"'],
  [{ image: "alpine", env: { A: "1\n--x" } }, "input.env.A must not contain a line break"],
  [{ image: "alpine", env: { "A=B": "1" } }, "input.env"],
  [{ image: "alpine", network: "host" }, "input.network must be one of default, none"],
  [{ image: "alpine", memory: "lots" }, "input.memory must look like 512m"],
])("the input %j is refused for good", async (input, message) => {
  const failing = task()(input, contextFor());
  await expect(failing).rejects.toThrow(message);
  await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
});

test("podman is taken where there is no docker, and a worker without either says so", () => {
  const podman = makeFakes({ podman: FAKE_ENGINE });
  const path = podman.environment.PATH?.split(":")[0];
  expect(container({ environment: { PATH: path } }).type).toBe("container");
  expect(() => container({ environment: { PATH: "/nowhere" } })).toThrow("needs docker or podman");
  podman.remove();
});
