/**
 * A task type of one's own: `folder.checksum` writes down the SHA-256 of every file of a folder. It knows its schema, so
 * the dashboard has a form for it; it reports progress, goes on where an attempt before was interrupted, and stops when
 * it is told to.
 *
 *     ESCAPEMENT_URL=http://127.0.0.1:4400 CHECKSUM_ROOT=/srv/data npx tsx worker/examples/checksum-task.ts
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { createWorker, DoNotRetry, defineTask, type Task } from "../index.ts";

/** What the operator decides stays out of the input: jobs choose a folder below this one. */
interface ChecksumOptions {
  root: string;
}

/** A function that makes the task, so that each worker can be given options of its own. */
function checksum({ root }: ChecksumOptions): Task {
  return defineTask({
    type: "folder.checksum",
    title: "Checksums",
    description: "Writes the SHA-256 of each file of a folder into the output file SHA256SUMS.",
    // Titles, descriptions, defaults and examples are what the form shows. The handler's input has the schema's type.
    inputSchema: {
      type: "object",
      properties: {
        folder: { type: "string", title: "Folder", minLength: 1, examples: ["2026/03"] },
        hidden: { type: "boolean", title: "Hidden files, too", default: false },
      },
      required: ["folder"],
      additionalProperties: false,
    },
    outputSchema: {
      type: "object",
      properties: { files: { type: "integer" }, file: { type: "string" } },
      required: ["files", "file"],
    },
    // The input fits the schema here: what does not has failed its run, for good and with the member's name.
    async handler({ folder, hidden = false }, context) {
      const path = await within(root, folder);
      const entries = await readdir(path, { withFileTypes: true });
      const names = entries
        .filter((entry) => entry.isFile() && (hidden || !entry.name.startsWith(".")))
        .map(({ name }) => name)
        .sort();
      // What an attempt before has saved is done.
      const done = new Map(Object.entries((context.checkpoint ?? {}) as Record<string, string>));
      for (const [index, name] of names.entries()) {
        context.progress(index / names.length, name);
        if (done.has(name)) continue;
        done.set(name, await digestOf(join(path, name), context.signal));
        context.log(`${done.get(name)}  ${name}`);
        await context.saveCheckpoint(Object.fromEntries(done));
      }
      await context.putFile("SHA256SUMS", names.map((name) => `${done.get(name)}  ${name}\n`).join(""));
      return { files: names.length, file: "SHA256SUMS" };
    },
  });
}

/** The same input would lead to the same place: another attempt is no use. */
async function within(root: string, folder: string): Promise<string> {
  const base = await realpath(root);
  const path = await realpath(join(base, folder)).catch(() => undefined);
  if (path === undefined) throw new DoNotRetry(`input.folder: there is no folder ${folder}.`);
  if (path === base || path.startsWith(base + sep)) return path;
  throw new DoNotRetry("input.folder leads out of the folder that this worker looks after.");
}

/** Throws the signal's reason as soon as the attempt is to stop. */
async function digestOf(file: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash, { signal });
  return hash.digest("hex");
}

const worker = createWorker({
  url: process.env.ESCAPEMENT_URL ?? "http://127.0.0.1:4400",
  token: process.env.ESCAPEMENT_TOKEN,
  tasks: [checksum({ root: process.env.CHECKSUM_ROOT ?? "." })],
});

await worker.start();
process.once("SIGTERM", () => void worker.stop());
