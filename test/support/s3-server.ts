/**
 * A bucket that speaks S3 over real HTTP, in memory: the calls that the output store makes, with signatures checked,
 * conditions honoured, and listings in pages.
 */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface TestBucket {
  url: string;
  keyId: string;
  secret: string;
  region: string;
  /** By key. */
  objects: Map<string, { bytes: Buffer; etag: string; at: Date }>;
  /** Uploads in parts that were begun and neither completed nor given up. */
  openUploads: () => number;
  /** The parts' sizes of all that was uploaded in parts. */
  partSizes: number[];
  /** Every request, as method and path. */
  requests: string[];
  /** Answers the next requests that fit with this status. */
  fail(status: number, times: number, fits?: (method: string, path: string) => boolean): void;
  close(): Promise<void>;
}

/** S3 lists a thousand; fewer here, so that tests see pages. */
const PAGE = 100;
const BUCKET = "outputs-of-tests";
const REGION = "eu-test-1";

const xml = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
const etagOf = (bytes: Buffer): string => `"${createHash("md5").update(bytes).digest("hex")}"`;

export async function startBucket(): Promise<TestBucket> {
  const [keyId, secret] = ["test-key", "test-secret"];
  const objects: TestBucket["objects"] = new Map();
  const uploads = new Map<string, Map<number, Buffer>>();
  const partSizes: number[] = [];
  const requests: string[] = [];
  let failing = { status: 0, times: 0, fits: (_method: string, _path: string) => true };
  let numbers = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method = "" } = request;
    const url = new URL(request.url ?? "", "http://bucket");
    const send = (status: number, text: string | Buffer = "", headers: Record<string, string> = {}): void => {
      response.writeHead(status, { "content-type": "application/xml", ...headers }).end(text);
    };
    const error = (status: number, code: string): void =>
      send(status, `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);

    requests.push(`${method} ${url.pathname}`);
    if (failing.times > 0 && failing.fits(method, url.pathname)) {
      failing.times -= 1;
      return error(failing.status, "SlowDown");
    }
    if (!isSigned(request, url, secret)) return error(403, "SignatureDoesNotMatch");
    const path = decodeURIComponent(url.pathname);
    if (!path.startsWith(`/${BUCKET}`)) return error(404, "NoSuchBucket");
    const key = path.slice(BUCKET.length + 2);
    const query = url.searchParams;
    const uploadId = query.get("uploadId");
    const found = objects.get(key);
    const store = (bytes: Buffer): string => {
      const etag = etagOf(bytes);
      objects.set(key, { bytes, etag, at: new Date() });
      return etag;
    };

    if (key === "" && method === "GET") return send(200, listing(objects, query));
    if (key === "" && method === "POST" && query.has("delete")) {
      const keys = [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, each]) => each ?? "");
      for (const each of keys) objects.delete(each);
      const deleted = keys.map((each) => `<Deleted><Key>${xml(each)}</Key></Deleted>`).join("");
      return send(200, `<DeleteResult>${deleted}</DeleteResult>`);
    }
    if (method === "POST" && query.has("uploads")) {
      const id = `upload-${++numbers}`;
      uploads.set(id, new Map());
      return send(
        200,
        `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    }
    if (uploadId !== null) {
      const parts = uploads.get(uploadId);
      if (!parts) return error(404, "NoSuchUpload");
      if (method === "PUT") {
        parts.set(Number(query.get("partNumber")), body);
        partSizes.push(body.length);
        return send(200, "", { etag: etagOf(body) });
      }
      uploads.delete(uploadId);
      if (method === "DELETE") return send(204);
      const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, n]) =>
        Number(n),
      );
      const etag = store(Buffer.concat(named.map((number) => parts.get(number) ?? Buffer.alloc(0))));
      return send(
        200,
        `<CompleteMultipartUploadResult><ETag>${xml(etag)}</ETag></CompleteMultipartUploadResult>`,
      );
    }
    if (method === "PUT") {
      const { "if-match": ifMatch, "if-none-match": ifNoneMatch } = request.headers;
      if (ifNoneMatch === "*" && found) return error(412, "PreconditionFailed");
      if (ifMatch !== undefined && found?.etag !== ifMatch) return error(412, "PreconditionFailed");
      return send(200, "", { etag: store(body) });
    }
    if (!found) return error(404, "NoSuchKey");
    if (method === "DELETE") {
      objects.delete(key);
      return send(204);
    }
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    if (from === undefined) return send(200, found.bytes, { etag: found.etag });
    const end = to === "" ? found.bytes.length : Number(to) + 1;
    send(206, found.bytes.subarray(Number(from), end), { etag: found.etag });
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/${BUCKET}`,
    keyId,
    secret,
    region: REGION,
    objects,
    openUploads: () => uploads.size,
    partSizes,
    requests,
    fail(status, times, fits = () => true) {
      failing = { status, times, fits };
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listing(objects: TestBucket["objects"], query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const after = query.get("continuation-token") ?? "";
  const count = Math.min(Number(query.get("max-keys") ?? PAGE), PAGE);
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = keys.slice(0, count);
  const more = keys.length > page.length;
  const contents = page.map((key) => {
    const { bytes, etag, at } = objects.get(key) ?? { bytes: Buffer.alloc(0), etag: "", at: new Date(0) };
    return `<Contents><Key>${xml(key)}</Key><LastModified>${at.toISOString()}</LastModified><ETag>${xml(etag)}</ETag><Size>${bytes.length}</Size></Contents>`;
  });
  const token = more ? `<NextContinuationToken>${xml(page.at(-1) ?? "")}</NextContinuationToken>` : "";
  return `<?xml version="1.0"?><ListBucketResult><Name>${BUCKET}</Name><KeyCount>${page.length}</KeyCount><IsTruncated>${more}</IsTruncated>${token}${contents.join("")}</ListBucketResult>`;
}

/** Signature version 4, as the services check it. */
function isSigned(request: IncomingMessage, url: URL, secret: string): boolean {
  const authorization = request.headers.authorization ?? "";
  const [, day, signedHeaders, signature] =
    /^AWS4-HMAC-SHA256 Credential=test-key\/(\d{8})\/eu-test-1\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]+)$/.exec(
      authorization,
    ) ?? [];
  if (day === undefined || signedHeaders === undefined) return false;
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac("sha256", key).update(text).digest();
  const strict = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const query = [...url.searchParams]
    .map(([name, value]) => `${strict(name)}=${strict(value)}`)
    .sort()
    .join("&");
  const headers = signedHeaders.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [
    request.method,
    url.pathname,
    query,
    headers.join(""),
    signedHeaders,
    request.headers["x-amz-content-sha256"],
  ].join("\n");
  const scope = `${day}/${REGION}/s3/aws4_request`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest].join("\n");
  const key = ["s3", "aws4_request"].reduce<Buffer>(
    (before, text) => hmac(before, text),
    hmac(hmac(`AWS4${secret}`, day), REGION),
  );
  return hmac(key, toSign).toString("hex") === signature;
}
