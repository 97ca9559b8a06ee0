/** Reading bodies: JSON whatever the content type says, and JSON back to text within the limits. */
import type { FastifyInstance } from "fastify";
import { badInput } from "../core/rejection.ts";
import { TooLarge } from "../store/output-files.ts";

/** Makes every body of these routes JSON, so that plain `curl -d` works; no body at all counts as `{}`. */
export function readBodiesAsJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, text, done) => {
    if (text === "") return done(null, {});
    try {
      done(null, JSON.parse(text as string));
    } catch (error) {
      done(badInput("body", `is not valid JSON: ${(error as Error).message}`));
    }
  });
  app.addHook("preValidation", (request, _reply, done) => {
    if (request.body === undefined && request.method !== "GET" && request.method !== "DELETE")
      request.body = {};
    done();
  });
}

/** Hands bodies on as they arrive; one that says it exceeds the route's limit is refused before it does. */
export function streamBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, payload, done) => {
    const limit = request.routeOptions.bodyLimit;
    const said = Number(request.headers["content-length"] ?? 0);
    if (said <= limit) return done(null, payload);
    done(new TooLarge(`the body has ${said} bytes; at most ${limit} are allowed`));
  });
}

/** A value as JSON text. @throws BAD_INPUT when it is nested too deeply, TooLarge when it exceeds `maxBytes`. */
export function jsonText(value: unknown, field: string, maxBytes: number): string {
  let text: string;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) throw badInput(field, "is nested too deeply");
    throw error;
  }
  // Most texts are far below the limit, and counting their bytes would be for nothing.
  const size = text.length * 3 <= maxBytes ? 0 : Buffer.byteLength(text);
  if (size > maxBytes) {
    throw new TooLarge(`has ${size} bytes; at most ${maxBytes} are allowed: put more into a file`, field);
  }
  return text;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The bytes that Base64 text stands for. @throws BAD_INPUT, TooLarge when they exceed `maxBytes` */
export function bytesOf(text: string, field: string, maxBytes: number): Buffer {
  if (!BASE64.test(text)) throw badInput(field, "must be Base64 with padding (RFC 4648, section 4)");
  const bytes = Buffer.from(text, "base64");
  if (bytes.length > maxBytes) {
    throw new TooLarge(
      `has ${bytes.length} bytes; at most ${maxBytes} are allowed: put more into a file`,
      field,
    );
  }
  return bytes;
}
