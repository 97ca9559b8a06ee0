/**
 * Output files of attempts: what is known of one, what one may be called, how its size and digest come about. The
 * stores keep them (output-disk.ts, output-s3.ts): each is there whole, with the right digest, or not at all.
 */
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { LIMITS } from "../config.ts";
import { badInput, limitExceeded, Rejection } from "../core/rejection.ts";

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

/** Two of one name and attempt are left when a server died between storing one and deleting the other. */
export function newestOfEach<File extends OutputFile>(files: File[]): File[] {
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

/** @throws LIMIT_EXCEEDED when an attempt that stored files of these names may not store one more of this name. */
export function refuseTooMany(names: Set<string | undefined>, name: string): void {
  if (!names.has(name) && names.size >= LIMITS.filesPerRun) {
    throw limitExceeded(`an attempt can store at most ${LIMITS.filesPerRun} files`, "name");
  }
}

/** Passes bytes on and counts them; `size` and `digest` are for when all have passed. */
export interface Measured {
  bytes: AsyncIterable<Buffer>;
  size: () => number;
  digest: () => Buffer;
}

/** The bytes throw TooLarge where they exceed the limit. */
export function measure(bytes: AsyncIterable<Uint8Array>): Measured {
  const hash = createHash("sha256");
  let size = 0;
  async function* pass(): AsyncGenerator<Buffer> {
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > LIMITS.fileBytes) throw new TooLarge(`a file can have at most ${LIMITS.fileBytes} bytes`);
      hash.update(chunk);
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  }
  return { bytes: pass(), size: () => size, digest: () => hash.digest() };
}
