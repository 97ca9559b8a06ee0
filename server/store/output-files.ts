/**
 * Output files of attempts. A file is stored under its digest and name in one rename, so it is there whole, with the
 * right digest, or not at all; what a crash leaves behind begins with a dot and goes with the run.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { LIMITS } from "../config.ts";
import { badInput, limitExceeded, Rejection } from "../core/rejection.ts";
import { attemptsIn, namesIn, type RunFolder, unlessMissing } from "./output-folder.ts";

export interface OutputFile {
  name: string;
  attempt: number;
  size: number;
  /** Hexadecimal. */
  sha256: string;
  storedAt: Date;
}

/** A stored file with a way to its bytes, of which `start` is the first and `end` the last. */
export interface ReadableFile extends OutputFile {
  read(range?: { start: number; end: number }): Readable;
}

/** Something to store exceeds its limit; over HTTP this is 413. */
export class TooLarge extends Rejection {
  constructor(message: string, field?: string) {
    super("LIMIT_EXCEEDED", message, field);
  }
}

/** With the digest in front and a dot between, within the 255 bytes that file systems allow. */
const NAME_BYTES = 200;
/** 43 characters of digest, a dot, the name. */
const STORED = /^([A-Za-z0-9_-]{43})\.(.+)$/su;
const UNSAFE = /[/\\\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** A file's name is a name, not a path. @throws BAD_INPUT saying what is wrong. */
export function checkFileName(name: string, field = "name"): string {
  if (name === "") throw badInput(field, "must not be empty");
  if (name.startsWith(".")) throw badInput(field, "must not start with a dot");
  if (UNSAFE.test(name)) {
    throw badInput(field, "must be a file's name without slashes, backslashes and control characters");
  }
  const size = Buffer.byteLength(name);
  if (size > NAME_BYTES) {
    throw badInput(field, `has ${size} bytes; at most ${NAME_BYTES} are allowed`);
  }
  return name;
}

export function createFiles(folder: RunFolder) {
  const folderOf = (runId: string, attempt: number): string => join(folder(runId), String(attempt), "files");

  const list = async (runId: string): Promise<(OutputFile & { path: string })[]> => {
    const files: (OutputFile & { path: string })[] = [];
    for (const attempt of await attemptsIn(folder(runId))) {
      const at = folderOf(runId, attempt);
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
    async putFile(
      { runId, attempt }: { runId: string; attempt: number },
      name: string,
      bytes: AsyncIterable<Uint8Array>,
    ): Promise<OutputFile> {
      checkFileName(name);
      const at = folderOf(runId, attempt);
      await mkdir(at, { recursive: true });
      await refuseTooMany(at, name);
      const draft = join(at, `.${randomUUID()}`);
      try {
        const { size, digest } = await writeDurably(draft, bytes);
        const stored = `${digest.toString("base64url")}.${name}`;
        await rename(draft, join(at, stored));
        await syncFolder(at);
        for (const other of await readdir(at)) {
          if (other !== stored && STORED.exec(other)?.[2] === name)
            await rm(join(at, other), { force: true });
        }
        const { mtime } = await stat(join(at, stored));
        return { name, attempt, size, sha256: digest.toString("hex"), storedAt: mtime };
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },

    async listFiles(runId: string): Promise<OutputFile[]> {
      return (await list(runId)).map(({ path: _, ...file }) => file);
    },

    async openFile(runId: string, name: string, attempt?: number): Promise<ReadableFile | null> {
      checkFileName(name);
      const found = (await list(runId)).findLast(
        (file) => file.name === name && (attempt === undefined || file.attempt === attempt),
      );
      if (!found) return null;
      const { path, ...file } = found;
      return { ...file, read: (range) => createReadStream(path, range) };
    },
  };
}

/** Two of one name and attempt are left when a server died between storing one and deleting the other. */
function newestOfEach<File extends OutputFile>(files: File[]): File[] {
  const newest = new Map<string, File>();
  for (const file of files) {
    const key = `${file.attempt}/${file.name}`;
    const other = newest.get(key);
    if (!other || other.storedAt < file.storedAt) newest.set(key, file);
  }
  return [...newest.values()].sort((a, b) =>
    a.name === b.name ? a.attempt - b.attempt : a.name < b.name ? -1 : 1,
  );
}

async function refuseTooMany(folder: string, name: string): Promise<void> {
  const names = new Set((await readdir(folder)).map((stored) => STORED.exec(stored)?.[2]));
  if (!names.has(name) && names.size >= LIMITS.filesPerRun) {
    throw limitExceeded(`an attempt can store at most ${LIMITS.filesPerRun} files`, "name");
  }
}

async function writeDurably(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ size: number; digest: Buffer }> {
  const hash = createHash("sha256");
  let size = 0;
  const file = await open(path, "wx");
  try {
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > LIMITS.fileBytes) throw new TooLarge(`a file can have at most ${LIMITS.fileBytes} bytes`);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { size, digest: hash.digest() };
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
