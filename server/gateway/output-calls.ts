/** Logs and output files: written through leases, read through runs. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import Type, { type Static } from "typebox";
import { LIMITS } from "../config.ts";
import { badInput, notFound } from "../core/rejection.ts";
import { type OutputFile, type ReadableFile, TooLarge } from "../store/output-files.ts";
import { callerOf } from "./access.ts";
import { streamBodies } from "./body.ts";
import {
  AttemptQuery,
  describe,
  LeaseFilePath,
  LeasePath,
  LogQuery,
  RunFilePath,
  RunPath,
} from "./describe.ts";
import { requireHeld } from "./lease-calls.ts";
import { logLines } from "./log-lines.ts";
import type { GatewayParts, Routes } from "./parts.ts";
import { requireRun } from "./run-calls.ts";

const FileAnswer = Type.Object({
  name: Type.String(),
  attempt: Type.Integer(),
  size: Type.Integer({ description: "Bytes." }),
  sha256: Type.String({ description: "Hexadecimal." }),
  storedAt: Type.String({ format: "date-time" }),
});
const FilesAnswer = Type.Object({ files: Type.Array(FileAnswer) });

function fileAnswer({ storedAt, ...file }: OutputFile): Static<typeof FileAnswer> {
  return { ...file, storedAt: storedAt.toISOString() };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** What workers write. Bodies are streams here. */
export function outputWriteRoutes(app: Routes, parts: GatewayParts): void {
  const { catalog, outputs, logMask } = parts;
  streamBodies(app);

  app.post(
    "/leases/:id/logs",
    {
      bodyLimit: LIMITS.logAppendBytes,
      config: { right: "work" },
      schema: describe("appendLog", {
        params: LeasePath,
        answers: { 202: "Appended." },
      }),
    },
    async (request, reply) => {
      const owner = await requireHeld(parts, callerOf(request), request.params.id);
      const bytes = await readAll(request.body as IncomingMessage | undefined);
      const lines = logLines(textOf(bytes), request.headers["content-type"], Date.now());
      const namespace = await catalog.namespaceName(owner.namespaceId);
      const lease = { ...owner, leaseId: request.params.id, namespace };
      await outputs.appendLog(owner, await logMask.mask(lease, lines));
      return reply.code(202).send();
    },
  );

  app.put(
    "/leases/:id/files/:name",
    {
      bodyLimit: LIMITS.fileBytes,
      config: { right: "work" },
      schema: describe("putFile", {
        params: LeaseFilePath,
        answers: { 201: FileAnswer },
      }),
    },
    async (request, reply) => {
      const check = () => requireHeld(parts, callerOf(request), request.params.id);
      const owner = await check();
      const body = (request.body as IncomingMessage | undefined) ?? [];
      const bytes = whileHeld(body as AsyncIterable<Uint8Array>, check);
      const file = await outputs.putFile(owner, request.params.name, bytes);
      return reply.code(201).send(fileAnswer(file));
    },
  );
}

/** An upload takes time: one whose lease was lost meanwhile breaks off at its end, and changes nothing. */
async function* whileHeld(
  bytes: AsyncIterable<Uint8Array>,
  check: () => Promise<unknown>,
): AsyncGenerator<Uint8Array> {
  yield* bytes;
  await check();
}

async function readAll(stream: IncomingMessage | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream ?? []) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > LIMITS.logAppendBytes) {
      throw new TooLarge(
        `one request can append at most ${LIMITS.logAppendBytes} bytes; send the lines in several`,
      );
    }
  }
  return Buffer.concat(chunks);
}

function textOf(bytes: Buffer): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw badInput("body", "is not UTF-8");
  }
}

/** What people and producers read. */
export function outputReadRoutes(app: Routes, parts: GatewayParts): void {
  const { outputs } = parts;

  app.get(
    "/runs/:id/log",
    {
      config: { right: "follow" },
      schema: describe("getLog", {
        params: RunPath,
        querystring: LogQuery,
        answers: {
          200: "Whole lines from `offset` on. The header `Next-Offset` says where to read on, `Log-Size` how long the log is now, `Attempt` whose it is.",
        },
        contentType: "text/plain",
      }),
    },
    async (request, reply) => {
      await requireRun(parts, callerOf(request), request.params.id);
      const slice = await outputs.readLog(request.params.id, request.query);
      return reply
        .type("text/plain; charset=utf-8")
        .header("attempt", String(slice?.attempt ?? request.query.attempt ?? 0))
        .header("next-offset", String(slice?.nextOffset ?? 0))
        .header("log-size", String(slice?.size ?? 0))
        .send(slice?.text ?? "");
    },
  );

  app.get(
    "/runs/:id/files",
    {
      config: { right: "follow" },
      schema: describe("listFiles", { params: RunPath, answers: { 200: FilesAnswer } }),
    },
    async (request) => {
      await requireRun(parts, callerOf(request), request.params.id);
      return { files: (await outputs.listFiles(request.params.id)).map(fileAnswer) };
    },
  );

  app.get(
    "/runs/:id/files/:name",
    {
      config: { right: "follow" },
      schema: describe("getFile", {
        params: RunFilePath,
        querystring: AttemptQuery,
        answers: {
          200: "The file, as an attachment. A `Range` of bytes is honoured with 206, also with `If-Range`; `If-None-Match` with the `ETag` is answered with 304.",
        },
        contentType: "application/octet-stream",
      }),
    },
    async (request, reply) => {
      const { id, name } = request.params;
      await requireRun(parts, callerOf(request), id);
      const file = await outputs.openFile(id, name, request.query.attempt);
      if (!file) throw notFound(`output file "${name}" of run "${id}"`, "name");
      reply
        .type("application/octet-stream")
        .header("content-disposition", attachment(name))
        .header("accept-ranges", "bytes")
        // To be kept, and asked for again with what the ETag says.
        .header("cache-control", "private, no-cache")
        .header("etag", etagOf(file))
        .header("repr-digest", `sha-256=:${Buffer.from(file.sha256, "hex").toString("base64")}:`)
        .header("last-modified", file.storedAt.toUTCString());
      if (isKnown(request.headers["if-none-match"], file)) return reply.code(304).send();
      const range = rangeOf(request.headers, file);
      if (range === "unsatisfiable") {
        return reply.code(416).header("content-range", `bytes */${file.size}`).send();
      }
      if (range === null) return reply.header("content-length", file.size).send(file.read());
      return reply
        .code(206)
        .header("content-range", `bytes ${range.start}-${range.end}/${file.size}`)
        .header("content-length", range.end - range.start + 1)
        .send(file.read(range));
    },
  );
}

/** RFC 6266: a plain name for old clients, the exact one in UTF-8 for the others. */
function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["%\\]/g, "_");
  const exact = encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}

const etagOf = ({ sha256 }: OutputFile): string => `"${sha256}"`;

/** If-None-Match: the client has the file as it is. */
function isKnown(header: string | undefined, file: OutputFile): boolean {
  if (header === undefined) return false;
  const tags = header.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  return tags.includes("*") || tags.includes(etagOf(file));
}

/** One range of bytes; anything else that RFC 9110 knows may be answered with the whole file, and so is another file. */
function rangeOf(
  headers: IncomingHttpHeaders,
  file: ReadableFile,
): { start: number; end: number } | "unsatisfiable" | null {
  const { size } = file;
  if (headers["if-range"] !== undefined && headers["if-range"] !== etagOf(file)) return null;
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return null;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return null;
  return start > end ? "unsatisfiable" : { start, end };
}
