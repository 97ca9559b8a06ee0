/**
 * Task type `container`: an image run by the command line of docker or podman, never privileged, with no more of the
 * host than the operator allows. The container's name carries run and fence: whoever stops it, or finds it left behind
 * by an attempt before, knows whose it is.
 */
import type { Static } from "typebox";
import type { Context } from "../../attempt.ts";
import { DoNotRetry } from "../../errors.ts";
import { NO_NUL } from "../../input-check.ts";
import { defineTask, type Task } from "../../task.ts";
import { ARGS, COMMAND_OUTPUT, ENV } from "../fields.ts";
import { type CommandOutput, type KillOptions, runCommand } from "../process/command.ts";
import { DEFAULT_PASS_ENV, type EnvironmentOptions, identityOf, scrubbed } from "../process/environment.ts";
import { requirePosix } from "../process/group.ts";
import { withScratch } from "../process/scratch.ts";
import { containerName, Engine, findEngine } from "./engine.ts";
import { type ContainerPolicy, checkImage, cpusOf, memoryOf, mountOptions } from "./policy.ts";

export interface ContainerOptions extends ContainerPolicy, EnvironmentOptions, KillOptions {
  /** `docker`, `podman`, or the path of one. Default: the first of them on the environment's PATH. */
  engine?: string | undefined;
}

const INPUT = {
  type: "object",
  properties: {
    image: {
      type: "string",
      title: "Image",
      // No option of the engine's looks like this.
      pattern: "^[A-Za-z0-9][A-Za-z0-9._:/@-]*$",
      maxLength: 500,
      examples: ["python:3.13-slim"],
    },
    command: {
      title: "Command",
      description: "Instead of the image's own: a line for /bin/sh in the container, or a list of words.",
      anyOf: [{ type: "string", minLength: 1, pattern: NO_NUL }, ARGS],
    },
    entrypoint: { type: "string", title: "Entry point", minLength: 1, pattern: NO_NUL },
    env: ENV,
    workdir: { type: "string", title: "Working directory", pattern: "^/[^\\u0000]*$", examples: ["/work"] },
    memory: { type: "string", title: "Memory limit", pattern: "^[0-9]+[bkmgBKMG]?$", examples: ["512m"] },
    cpus: { type: "number", title: "Processors", minimum: 0.01, maximum: 1_000 },
    pull: {
      enum: ["missing", "always", "never"],
      title: "Pull the image",
      default: "missing",
    },
    network: { enum: ["default", "none"], title: "Network", default: "default" },
    mounts: {
      type: "array",
      title: "Mounts",
      description: "Folders of the host, of those that the worker's operator allows.",
      maxItems: 20,
      items: {
        type: "object",
        properties: {
          source: { type: "string", title: "On the host" },
          target: { type: "string", title: "In the container" },
          readOnly: { type: "boolean", title: "Read only", default: true },
        },
        required: ["source", "target"],
        additionalProperties: false,
      },
    },
  },
  required: ["image"],
  additionalProperties: false,
} as const;

type Input = Static<typeof INPUT>;

/** Where the engine's command line looks for its engine and its credentials. */
const ENGINE_ENV = ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST", "XDG_RUNTIME_DIR"];
const OUTPUT_IN_CONTAINER = "/escapement/output";

/** The task type `container`. Throws when there is no engine. */
export function container(options: ContainerOptions): Task {
  requirePosix("container");
  const env = scrubbed(options, [...DEFAULT_PASS_ENV, ...ENGINE_ENV]);
  const engine = new Engine(options.engine ?? findEngine(env.PATH), env);
  return defineTask({
    type: "container",
    title: "Container",
    description: "Runs an image with docker or podman on the worker's machine.",
    inputSchema: INPUT,
    outputSchema: COMMAND_OUTPUT,
    handler: async (input, context) => {
      checkImage(input.image, options);
      await engine.removeEarlier(context.lease);
      return await run(input, context, { engine, env, options });
    },
  });
}

interface Host {
  engine: Engine;
  env: Record<string, string>;
  options: ContainerOptions;
}

function run(input: Input, context: Context, { engine, env, options }: Host): Promise<CommandOutput> {
  return withScratch(async (scratch) => {
    const name = containerName(context.lease);
    // One file and no folder: whoever the container runs as, what it leaves can be removed. The folder around is private.
    const outputFile = await scratch.write("output", "");
    await scratch.open(outputFile);
    const inside = { ...identityOf(context.lease), ESCAPEMENT_OUTPUT: OUTPUT_IN_CONTAINER, ...input.env };
    const args = [
      ...["run", "--rm", "--name", name],
      ...[
        "--label",
        `escapement.run=${context.lease.run}`,
        "--label",
        `escapement.fence=${context.lease.fence}`,
      ],
      ...["--security-opt", "no-new-privileges", "--pull", input.pull ?? "missing"],
      ...["--env-file", await scratch.write("env", envFile(inside))],
      ...["--mount", `type=bind,source=${outputFile},target=${OUTPUT_IN_CONTAINER}`],
      ...(await mountOptions(input.mounts ?? [], options)),
      ...option("--memory", memoryOf(input.memory, options)),
      ...option("--cpus", cpusOf(input.cpus, options)),
      ...(input.network === "none" ? ["--network", "none"] : []),
      ...option("--workdir", input.workdir),
      ...option("--entrypoint", input.entrypoint),
      input.image,
      ...wordsOf(input.command),
    ];
    const stopFirst = (graceMs: number) => engine.stop(name, graceMs);
    try {
      return await runCommand(
        { file: engine.file, args, env, outputFile, noun: "container", stopFirst },
        context,
        options,
      );
    } finally {
      await engine.remove(name);
    }
  });
}

function wordsOf(command: Input["command"]): string[] {
  if (command === undefined) return [];
  return typeof command === "string" ? ["/bin/sh", "-c", command] : [...command];
}

function option(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}

/** A file, because arguments can be seen by everybody on the machine and the engine's own environment is the worker's. */
function envFile(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => {
      if (/[\r\n]/.test(value)) throw new DoNotRetry(`input.env.${name} must not contain a line break.`);
      return `${name}=${value}\n`;
    })
    .join("");
}
