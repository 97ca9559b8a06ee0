/**
 * The output store in a bucket of an S3-compatible service. There are no renames and no appending there, so:
 *
 *   outputs/<run folder>/<attempt>/data/<uuid>              the bytes of a file, uploaded in parts
 *                                 /files/<what is known>    empty; a file exists once this is there
 *                                 /log/<offset>             a piece of the log, whole lines, rewritten until it is large
 *
 * Pieces of logs are written on condition that they are as they were read, so that servers which append to one log at
 * once do not lose lines.
 */
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { sanitizeETag } from "s3mini";
import type { BucketSettings } from "../config.ts";
import { unavailable } from "../core/rejection.ts";
import { type Bucket, openBucket, statusOf } from "./bucket.ts";
import { checkFileName, measure, newestOfEach, type OutputFile, refuseTooMany } from "./output-files.ts";
import { periodOf, runFolder } from "./output-folder.ts";
import type { LogBytes, OutputStore } from "./output-store.ts";

const ROOT = "outputs/";
/** What begins with a period is ours; nothing else is ever deleted. */
const OURS = /^outputs\/[0-9a-f]{5}\//;
/** Held in memory for each upload that goes on; 10,000 parts are the services' limit. */
const PART_BYTES = 8 * 1024 * 1024;
/** A piece of a log is read and written again by each append until it has so many bytes. */
const PIECE_BYTES = 256 * 1024;
/** Offsets are as wide as this, so that pieces sort by them. */
const OFFSET_DIGITS = 12;
/** Somebody else may be faster so often, with longer pauses each time: some two seconds in all. */
const APPEND_TRIES = 20;
const APPEND_PAUSE_MS = 20;
/** The services' limit for one listing and for one deletion. */
const PAGE = 1_000;

interface Stored {
  key: string;
  size: number;
  etag: string;
}

interface StoredFile extends OutputFile {
  marker: string;
  data: string;
}

/** `check` throws when the bucket is not there or may not be listed. */
export function s3Store(settings: BucketSettings): OutputStore & { check(): Promise<void> } {
  const bucket = openBucket(settings);
  const folderOf = (runId: string): string => `${ROOT}${runFolder(runId)}/`;

  const files = async (runId: string, attempt?: number): Promise<StoredFile[]> => {
    const within = `${folderOf(runId)}${attempt === undefined ? "" : `${attempt}/files/`}`;
    return newestOfEach((await list(bucket, within)).flatMap(({ key }) => fileOf(key) ?? []));
  };

  return {
    logs: s3Logs(bucket, folderOf),

    async check() {
      const found = await bucket.call((s3) => s3.listObjectsPaged("/", ROOT, 1));
      if (!found) throw new Error("the output store's bucket does not exist");
    },

    async putFile({ runId, attempt }, name, bytes) {
      checkFileName(name);
      const folder = `${folderOf(runId)}${attempt}/`;
      const before = (await list(bucket, `${folder}files/`)).flatMap(({ key }) => fileOf(key) ?? []);
      refuseTooMany(new Set(before.map((file) => file.name)), name);
      const measured = measure(bytes);
      const id = randomUUID();
      await upload(bucket, `${folder}data/${id}`, measured.bytes);
      const [digest, storedAt] = [measured.digest(), new Date()];
      const known = [digest.toString("base64url"), measured.size(), storedAt.getTime(), id].join(".");
      const marker = `${folder}files/${known}.${Buffer.from(name).toString("base64url")}`;
      await bucket.call((s3) => s3.putObject(marker, ""));
      await remove(
        bucket,
        before.filter((file) => file.name === name).flatMap((file) => [file.marker, file.data]),
      );
      return { name, attempt, size: measured.size(), sha256: digest.toString("hex"), storedAt };
    },

    async listFiles(runId) {
      return (await files(runId)).map(({ marker: _marker, data: _data, ...file }) => file);
    },

    async openFile(runId, name, attempt) {
      checkFileName(name);
      const found = (await files(runId, attempt)).findLast((file) => file.name === name);
      if (!found) return null;
      const { marker: _, data, ...file } = found;
      return {
        ...file,
        read: (range) => Readable.from(download(bucket, data, range), { objectMode: false }),
      };
    },

    async remove(runIds) {
      for (const runId of runIds) {
        const stored = await list(bucket, folderOf(runId));
        await remove(
          bucket,
          stored.map(({ key }) => key),
        );
      }
    },

    async removeBefore(runId) {
      // Listings are in the order of keys, and keys begin with the period: what is old comes first.
      const end = `${ROOT}${periodOf(runId)}`;
      for (;;) {
        const page = await bucket.call((s3) => s3.listObjectsPaged("/", ROOT, PAGE));
        const old = (page?.objects ?? []).map(({ Key }) => Key).filter((key) => OURS.test(key) && key < end);
        if (old.length === 0) return;
        await remove(bucket, old);
      }
    },
  };
}

const FILE = /^(.*\/(\d+)\/)files\/([A-Za-z0-9_-]{43})\.(\d+)\.(\d+)\.([0-9a-f-]{36})\.([A-Za-z0-9_-]+)$/;

function fileOf(marker: string): StoredFile | null {
  const [, folder, attempt, digest, size, storedAt, id, name] = FILE.exec(marker) ?? [];
  if (digest === undefined || name === undefined) return null;
  return {
    name: Buffer.from(name, "base64url").toString(),
    attempt: Number(attempt),
    size: Number(size),
    sha256: Buffer.from(digest, "base64url").toString("hex"),
    storedAt: new Date(Number(storedAt)),
    marker,
    data: `${folder}data/${id}`,
  };
}

function s3Logs(bucket: Bucket, folderOf: (runId: string) => string): LogBytes {
  const pieces = async (runId: string, attempt: number) =>
    (await list(bucket, `${folderOf(runId)}${attempt}/log/`)).map((stored) => ({
      ...stored,
      start: Number(stored.key.slice(-OFFSET_DIGITS)),
    }));

  return {
    async attempts(runId) {
      const found = (await list(bucket, folderOf(runId))).flatMap(
        ({ key }) => /\/(\d+)\/log\//.exec(key) ?? [],
      );
      return [...new Set(found.map(Number).filter((attempt) => attempt > 0))].sort((a, b) => a - b);
    },

    async read(runId, attempt, place) {
      const all = await pieces(runId, attempt);
      const last = all.at(-1);
      if (!last) return null;
      const size = last.start + last.size;
      const { start, length } = place(size);
      const end = start + length;
      const wanted = all.filter((piece) => piece.start < end && piece.start + piece.size > start);
      const parts = await Promise.all(
        wanted.map(({ key, start: at, size: bytes }) =>
          read(bucket, key, { start: Math.max(start - at, 0), end: Math.min(end - at, bytes) - 1 }),
        ),
      );
      return { start, size, bytes: Buffer.concat(parts) };
    },

    async append(runId, attempt, compose) {
      for (let tries = 1; ; tries++) {
        const last = (await pieces(runId, attempt)).at(-1);
        const size = last ? last.start + last.size : 0;
        const bytes = compose(size);
        if (bytes === null) return;
        const grows = last !== undefined && last.size < PIECE_BYTES;
        const key = `${folderOf(runId)}${attempt}/log/${String(size).padStart(OFFSET_DIGITS, "0")}`;
        try {
          if (grows) await grow(bucket, last, bytes);
          else await put(bucket, key, bytes, { "if-none-match": "*" });
          return;
        } catch (error) {
          if (!isOutrun(error)) throw error;
          if (tries === APPEND_TRIES)
            throw unavailable("too many servers append to this log; retry in a moment");
          // Of different length each time, or the one that was faster would stay so.
          await pause(Math.random() * tries * APPEND_PAUSE_MS);
        }
      }
    },
  };
}

/** Somebody else wrote the piece, or removed it. */
function isOutrun(error: unknown): boolean {
  return [404, 409, 412].includes(statusOf(error) ?? 0);
}

async function grow(bucket: Bucket, { key, size, etag }: Stored, bytes: Buffer): Promise<void> {
  const before = await read(bucket, key, { start: 0, end: size - 1 });
  await put(bucket, key, Buffer.concat([before, bytes]), { "if-match": etag });
}

/** Not repeated by itself: an answer that was lost would be taken for somebody else's writing. */
async function put(
  bucket: Bucket,
  key: string,
  bytes: Buffer,
  condition: Record<string, string>,
): Promise<void> {
  await bucket.once((s3) => s3.putObject(key, bytes, "text/plain; charset=utf-8", undefined, condition));
}

async function list(bucket: Bucket, prefix: string): Promise<Stored[]> {
  const found = await bucket.call((s3) => s3.listObjects("/", prefix));
  if (found === null) throw new Error("the output store's bucket does not exist");
  return found.map(({ Key, Size, ETag }) => ({
    key: Key,
    size: Number(Size),
    etag: `"${sanitizeETag(ETag)}"`,
  }));
}

async function remove(bucket: Bucket, keys: string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += PAGE) {
    const deleted = await bucket.call((s3) => s3.deleteObjects(keys.slice(at, at + PAGE)));
    if (deleted.includes(false)) throw new Error("the output store did not delete all that it was told to");
  }
}

async function read(
  bucket: Bucket,
  key: string,
  { start, end }: { start: number; end: number },
): Promise<Buffer> {
  return bucket.call(async (s3) => {
    const response = await s3.getObjectRaw(key, false, start, end + 1);
    return Buffer.from(await response.arrayBuffer());
  });
}

/** Asked for when the first byte is wanted; what is not read is not fetched. */
async function* download(
  bucket: Bucket,
  key: string,
  range?: { start: number; end: number },
): AsyncGenerator<Uint8Array> {
  const response = await bucket.call((s3) =>
    range === undefined ? s3.getObjectRaw(key) : s3.getObjectRaw(key, false, range.start, range.end + 1),
  );
  if (response.body) yield* response.body;
}

/** One request for a small file, parts one after the other for a larger one: the sender waits meanwhile. */
async function upload(bucket: Bucket, key: string, bytes: AsyncIterable<Buffer>): Promise<void> {
  const parts: { partNumber: number; etag: string }[] = [];
  let uploadId: string | undefined;
  try {
    for await (const { part, last } of inParts(bytes)) {
      if (last && uploadId === undefined) {
        await bucket.call((s3) => s3.putObject(key, part));
        return;
      }
      const id = uploadId ?? (await bucket.call((s3) => s3.getMultipartUploadId(key)));
      uploadId = id;
      parts.push(await bucket.call((s3) => s3.uploadPart(key, id, part, parts.length + 1)));
    }
    const id = uploadId;
    if (id !== undefined) await bucket.once((s3) => s3.completeMultipartUpload(key, id, parts));
  } catch (error) {
    const id = uploadId;
    if (id !== undefined) await bucket.once((s3) => s3.abortMultipartUpload(key, id)).catch(() => {});
    throw error;
  }
}

/** All parts but the last have PART_BYTES; there is always a last one. */
async function* inParts(bytes: AsyncIterable<Buffer>): AsyncGenerator<{ part: Buffer; last: boolean }> {
  let chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    size += chunk.length;
    while (size > PART_BYTES) {
      const all = Buffer.concat(chunks);
      yield { part: all.subarray(0, PART_BYTES), last: false };
      chunks = [all.subarray(PART_BYTES)];
      size -= PART_BYTES;
    }
  }
  yield { part: Buffer.concat(chunks), last: true };
}
