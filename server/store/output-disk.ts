/**
 * The output store on disk: a folder, which several servers may share over a network file system, so nothing about it
 * is kept in memory. A path is the fixed root, numbers, and a checked file name; no path that anybody sent is ever
 * opened. A file is stored under its digest and name in one rename; what a crash leaves behind begins with a dot and
 * goes with the run.
 *
 *   <root>/<some nine hours of run ids>/<last byte of the id>/<run id>/<attempt>/log
 *                                                                               /files/<digest>.<name>
 */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checkFileName, measure, newestOfEach, type OutputFile, refuseTooMany } from "./output-files.ts";
import { attemptsIn, namesIn, removeFoldersBefore, runFolder, unlessMissing } from "./output-folder.ts";
import type { LogBytes, OutputStore } from "./output-store.ts";

/** 43 characters of digest, a dot, the name. */
const STORED = /^([A-Za-z0-9_-]{43})\.(.+)$/su;

/** Outputs in the folder `outputs` of `dataDir`, which need not exist. */
export function diskStore(dataDir: string): OutputStore {
  const root = join(dataDir, "outputs");
  const folder = (runId: string): string => join(root, runFolder(runId));
  const filesOf = (runId: string, attempt: number): string => join(folder(runId), String(attempt), "files");

  const list = async (runId: string): Promise<(OutputFile & { path: string })[]> => {
    const files: (OutputFile & { path: string })[] = [];
    for (const attempt of await attemptsIn(folder(runId))) {
      const at = filesOf(runId, attempt);
      for (const stored of await namesIn(at)) {
        const [, digest, name] = STORED.exec(stored) ?? [];
        if (digest === undefined || name === undefined) continue;
        const path = join(at, stored);
        const found = await unlessMissing(stat(path));
        if (found === null) continue;
        const sha256 = Buffer.from(digest, "base64url").toString("hex");
        files.push({ name, attempt, size: found.size, sha256, storedAt: found.mtime, path });
      }
    }
    return newestOfEach(files);
  };

  return {
    logs: diskLogs((runId, attempt) => join(folder(runId), String(attempt), "log"), folder),

    async putFile({ runId, attempt }, name, bytes) {
      checkFileName(name);
      const at = filesOf(runId, attempt);
      await mkdir(at, { recursive: true });
      refuseTooMany(new Set((await readdir(at)).map((stored) => STORED.exec(stored)?.[2])), name);
      const draft = join(at, `.${randomUUID()}`);
      try {
        const measured = measure(bytes);
        await writeDurably(draft, measured.bytes);
        const digest = measured.digest();
        const stored = `${digest.toString("base64url")}.${name}`;
        await rename(draft, join(at, stored));
        await syncFolder(at);
        for (const other of await readdir(at)) {
          if (other !== stored && STORED.exec(other)?.[2] === name)
            await rm(join(at, other), { force: true });
        }
        const { mtime } = await stat(join(at, stored));
        return { name, attempt, size: measured.size(), sha256: digest.toString("hex"), storedAt: mtime };
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },

    async listFiles(runId) {
      return (await list(runId)).map(({ path: _, ...file }) => file);
    },

    async openFile(runId, name, attempt) {
      checkFileName(name);
      const found = (await list(runId)).findLast(
        (file) => file.name === name && (attempt === undefined || file.attempt === attempt),
      );
      if (!found) return null;
      const { path, ...file } = found;
      return { ...file, read: (range) => createReadStream(path, range) };
    },

    async remove(runIds) {
      for (const runId of runIds) await rm(folder(runId), { recursive: true, force: true });
    },

    removeBefore: (runId) => removeFoldersBefore(root, runId),
  };
}

function diskLogs(
  pathOf: (runId: string, attempt: number) => string,
  folder: (runId: string) => string,
): LogBytes {
  return {
    async attempts(runId) {
      const attempts = await attemptsIn(folder(runId));
      const found = await Promise.all(attempts.map((attempt) => unlessMissing(stat(pathOf(runId, attempt)))));
      return attempts.filter((_, at) => found[at] !== null);
    },

    async read(runId, attempt, place) {
      const file = await unlessMissing(open(pathOf(runId, attempt), "r"));
      if (file === null) return null;
      try {
        const { size } = await file.stat();
        const { start, length } = place(size);
        const buffer = Buffer.alloc(length);
        const { bytesRead } = await file.read(buffer, 0, length, start);
        return { start, size, bytes: buffer.subarray(0, bytesRead) };
      } finally {
        await file.close();
      }
    },

    async append(runId, attempt, compose) {
      const path = pathOf(runId, attempt);
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, "a");
      try {
        const bytes = compose((await file.stat()).size);
        if (bytes !== null) await file.appendFile(bytes);
      } finally {
        await file.close();
      }
    },
  };
}

async function writeDurably(path: string, bytes: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, "wx");
  try {
    for await (const chunk of bytes) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename lasts once the folder is on disk, too. Windows cannot open folders, and needs not. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
