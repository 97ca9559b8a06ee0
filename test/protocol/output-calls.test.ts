/** Logs and files over HTTP: through leases in, through runs out. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, send, type TestLease } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;
let lease: TestLease;
const NDJSON = { "content-type": "application/x-ndjson" };

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation { createJob(input: { name: "hello", type: "sh.hello" }) { name } }`);
});
afterAll(() => server.close());

const append = (body: string | Buffer, headers: Record<string, string> = {}) =>
  ask(server.url, "POST", `/v1/leases/${lease.id}/logs`, { headers, body });
const log = (query = "") => ask(server.url, "GET", `/v1/runs/${lease.run}/log${query}`);
const newLease = async () => {
  lease = await api.lease("hello");
};

test("text and NDJSON are appended in order and read back as text, also after the run has ended", async () => {
  await newLease();
  expect((await append("from curl\nsecond\n")).status).toBe(202);
  const lines = [
    { message: "object", level: "error", time: "2026-01-01T00:00:00.5+01:00" },
    { message: "plain" },
  ];
  expect((await append(lines.map((line) => JSON.stringify(line)).join("\n"), NDJSON)).status).toBe(202);
  expect((await append("")).status).toBe(202);
  await api.call("POST", `/v1/leases/${lease.id}/complete`);
  const answer = await log();
  expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
  expect(answer.headers["x-content-type-options"]).toBe("nosniff");
  const shown = answer.text.split("\n").map((line) => line.replace(/^\S+Z/, ""));
  expect(shown).toEqual([" info from curl", " info second", " error object", " info plain", ""]);
  expect(answer.text).toContain("2025-12-31T23:00:00.500Z error object");
  expect(answer.headers).toMatchObject({
    attempt: "1",
    "next-offset": String(answer.text.length),
    "log-size": String(answer.text.length),
  });
  expect((await append("late")).json()).toMatchObject({ status: 410, code: "lease_lost" });
});

test("a reader goes on where it stopped", async () => {
  await newLease();
  await append("one");
  const first = await log();
  await append("two");
  const next = await log(`?offset=${first.headers["next-offset"]}`);
  expect(next.text).toMatch(/^\S+ info two\n$/);
  expect((await log(`?offset=${next.headers["next-offset"]}`)).text).toBe("");
  expect((await log("?offset=-40")).text).toMatch(/^\S+ info two\n$/);
  expect((await log("?attempt=2")).text).toBe("");
});

test("a log is searched by text and level", async () => {
  await newLease();
  const lines = [
    { message: "low on space", level: "warn" },
    { message: "Disk full", level: "error" },
    { message: "disk mounted" },
  ];
  await append(lines.map((line) => JSON.stringify(line)).join("\n"), NDJSON);
  const shown = async (query: string) => (await log(query)).text.replace(/\S+Z /g, "");
  expect(await shown("?search=DISK")).toBe("error Disk full\ninfo disk mounted\n");
  expect(await shown("?level=warn")).toBe("warn low on space\nerror Disk full\n");
  expect(await shown("?level=warn&search=disk")).toBe("error Disk full\n");
  expect(await shown("?search=absent")).toBe("");
  const all = (await log()).headers["log-size"];
  expect((await log("?search=absent")).headers["next-offset"]).toBe(all);
  expect((await log("?level=loud")).json()).toMatchObject({ status: 400, field: "level" });
  expect((await log(`?search=${"x".repeat(201)}`)).json()).toMatchObject({ status: 400, field: "search" });
});

const BAD: [body: string | Buffer, field: string][] = [
  ["{", "line 1"],
  ['{"message":"ok"}\nnot json', "line 2"],
  ['"text"', "line 1"],
  ["[]", "line 1"],
  ["{}", "line 1: message"],
  ['{"message":5}', "line 1: message"],
  ['{"message":"x","level":"loud"}', "line 1: level"],
  ['{"message":"x","time":"noon"}', "line 1: time"],
  ['{"message":"x","time":5}', "line 1: time"],
  ['{"message":"x","colour":"red"}', "line 1: colour"],
];
test.each(BAD)("NDJSON %j is refused as a whole and names %s", async (body, field) => {
  await newLease();
  const answer = await append(body, NDJSON);
  expect([answer.status, answer.json().field]).toEqual([400, field]);
  expect((await log()).text).toBe("");
});

test("bytes that are not UTF-8 are refused, and so is too much at once", async () => {
  await newLease();
  expect((await append(Buffer.from([0x61, 0xff]))).json()).toMatchObject({ status: 400, field: "body" });
  expect((await append("x".repeat(LIMITS.logAppendBytes + 1))).json()).toMatchObject({
    status: 413,
    code: "too_large",
  });
  const chunked = send(server.url, "POST", `/v1/leases/${lease.id}/logs`, {
    headers: { "transfer-encoding": "chunked" },
    body: "x".repeat(LIMITS.logAppendBytes + 1),
  });
  expect((await chunked.answer).status).toBe(413);
  expect((await log()).text).toBe("");
});

test("a file is stored and downloaded as it is, as an attachment", async () => {
  await newLease();
  const content = randomBytes(200_000);
  const put = await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/report%20%C3%BC%22.csv`, {
    body: content,
  });
  expect([put.status, put.json().size, put.json().name]).toEqual([201, 200_000, 'report ü".csv']);
  const list = (await api.call("GET", `/v1/runs/${lease.run}/files`)).json() as {
    files: { sha256: string }[];
  };
  expect(list.files).toEqual([put.json()]);

  const path = `/v1/runs/${lease.run}/files/report%20%C3%BC%22.csv`;
  const response = await fetch(server.url + path);
  expect(Buffer.from(await response.arrayBuffer())).toEqual(content);
  expect(response.headers.get("content-type")).toBe("application/octet-stream");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("content-length")).toBe("200000");
  expect(response.headers.get("content-disposition")).toBe(
    `attachment; filename="report __.csv"; filename*=UTF-8''report%20%C3%BC%22.csv`,
  );
  expect((await api.call("GET", `/v1/runs/${lease.run}/files/absent`)).json()).toMatchObject({
    status: 404,
    field: "name",
  });
});

const RANGES: [range: string, status: number, text: string, contentRange: string | undefined][] = [
  ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
  ["bytes=7-", 206, "789", "bytes 7-9/10"],
  ["bytes=-2", 206, "89", "bytes 8-9/10"],
  ["bytes=-99", 206, "0123456789", "bytes 0-9/10"],
  ["bytes=8-99", 206, "89", "bytes 8-9/10"],
  ["bytes=10-", 416, "", "bytes */10"],
  ["bytes=3-1", 200, "0123456789", undefined],
  ["bytes=0-1,3-4", 200, "0123456789", undefined],
  ["lines=1-2", 200, "0123456789", undefined],
];
test("a range of bytes is honoured", async () => {
  await newLease();
  await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/digits`, { body: "0123456789" });
  for (const [range, status, text, contentRange] of RANGES) {
    const answer = await ask(server.url, "GET", `/v1/runs/${lease.run}/files/digits`, { headers: { range } });
    expect([range, answer.status, answer.text, answer.headers["content-range"]]).toEqual([
      range,
      status,
      text,
      contentRange,
    ]);
  }
});

test("a client that has the file is told so, and one that has another gets the whole of this one", async () => {
  await newLease();
  await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/digits`, { body: "0123456789" });
  const get = (headers: Record<string, string>) =>
    ask(server.url, "GET", `/v1/runs/${lease.run}/files/digits`, { headers });
  const { etag = "", ...headers } = (await get({})).headers;
  const digest = createHash("sha256").update("0123456789");
  expect(headers).toMatchObject({
    "cache-control": "private, no-cache",
    "repr-digest": `sha-256=:${digest.digest("base64")}:`,
  });
  for (const known of [etag, `"other", W/${etag}`, "*"]) {
    const answer = await get({ "if-none-match": known, range: "bytes=0-1" });
    expect([known, answer.status, answer.text, answer.headers.etag]).toEqual([known, 304, "", etag]);
  }
  expect((await get({ "if-none-match": '"other"' })).status).toBe(200);
  expect((await get({ range: "bytes=0-1", "if-range": etag })).text).toBe("01");
  expect((await get({ range: "bytes=0-1", "if-range": '"other"' })).text).toBe("0123456789");

  const head = await ask(server.url, "HEAD", `/v1/runs/${lease.run}/files/digits`);
  expect([head.status, head.text, head.headers["content-length"], head.headers.etag]).toEqual([
    200,
    "",
    "10",
    etag,
  ]);
});

test("a download that nobody reads to its end holds nothing back, and the next one is whole", async () => {
  await newLease();
  const content = randomBytes(24 * 1024 * 1024);
  await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/large`, { body: content });
  const path = `/v1/runs/${lease.run}/files/large`;
  const sent = send(server.url, "GET", path);
  sent.answer.catch(() => {});
  const [response] = (await once(sent.request, "response")) as [IncomingMessage];
  await once(response, "data");
  sent.request.destroy();
  const whole = await fetch(server.url + path);
  expect(
    createHash("sha256")
      .update(Buffer.from(await whole.arrayBuffer()))
      .digest("hex"),
  ).toBe(createHash("sha256").update(content).digest("hex"));
});

test("a file whose lease is lost while it comes is not stored", async () => {
  await newLease();
  const sent = send(server.url, "PUT", `/v1/leases/${lease.id}/files/late`, {
    headers: { "transfer-encoding": "chunked" },
    open: true,
  });
  sent.request.write("the beginning");
  const drafts = () => readdirSync(server.config.dataDir, { recursive: true }).map(String);
  await expect.poll(() => drafts().some((path) => /files.\.[0-9a-f]/.test(path))).toBe(true);
  await api.call("POST", `/v1/leases/${lease.id}/release`);
  sent.request.end("the end");
  expect((await sent.answer).json()).toMatchObject({ status: 410, code: "lease_lost" });
  expect((await api.call("GET", `/v1/runs/${lease.run}/files`)).json()).toEqual({ files: [] });
  expect(drafts().some((path) => /files.\.[0-9a-f]/.test(path))).toBe(false);
});

test("the server that leads deletes what retention lets go", async () => {
  await server.graphql(
    `mutation { createJob(input: { name: "tidy", type: "sh.tidy", retention: { count: 1 } }) { name } }`,
  );
  const runs: string[] = [];
  for (let at = 0; at < 3; at++) {
    lease = await api.lease("tidy");
    runs.push(lease.run);
    await append("hello\n");
    await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/a`, { body: "x" });
    await api.call("POST", `/v1/leases/${lease.id}/complete`);
  }
  const left = () =>
    Promise.all(
      runs.map(async (run) => {
        const { files } = (await api.call("GET", `/v1/runs/${run}/files`)).json() as { files: unknown[] };
        return [files.length, (await ask(server.url, "GET", `/v1/runs/${run}/log`)).text === ""];
      }),
    );
  expect(await left()).toEqual(runs.map(() => [1, false]));
  // A server looks at once when it begins to lead.
  await server.loops.leader.stop();
  const { dataDir } = server.config;
  const next = await startServer({ databaseUrl: server.databaseUrl, config: { dataDir } });
  try {
    await expect.poll(left, { timeout: 20_000 }).toEqual([
      [0, true],
      [0, true],
      [1, false],
    ]);
  } finally {
    await next.close();
    server.loops.leader.start();
  }
});

const TRAVERSALS = [
  "",
  "..%2F..%2Fetc%2Fpasswd",
  "..%5C..%5Cboot.ini",
  "%2Fetc%2Fpasswd",
  "..",
  "%2e%2e",
  ".",
  "%2e",
  ".ssh",
  "a%00.txt",
  "a%0Ab",
  "x".repeat(201),
  "%E2%80%A8",
];
test.each(TRAVERSALS)("the name %s is refused", async (name) => {
  await newLease();
  const before = readdirSync(server.config.dataDir, { recursive: true }).length;
  const put = await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/${name}`, { body: "x" });
  const get = await ask(server.url, "GET", `/v1/runs/${lease.run}/files/${name}`);
  for (const answer of [put, get]) expect([answer.status, answer.json().field]).toEqual([400, "name"]);
  expect(readdirSync(server.config.dataDir, { recursive: true })).toHaveLength(before);
});

test.each(["../../x", "a/b", "..//x"])("the path %j is no file's address", async (name) => {
  await newLease();
  for (const [method, path] of [
    ["PUT", `/v1/leases/${lease.id}/files/${name}`],
    ["GET", `/v1/runs/${lease.run}/files/${name}`],
  ] as const) {
    expect((await ask(server.url, method, path, method === "PUT" ? { body: "x" } : {})).status).toBe(404);
  }
});

test("a file that says it is too large is refused before it is read", async () => {
  await newLease();
  const sent = send(server.url, "PUT", `/v1/leases/${lease.id}/files/big`, {
    headers: { "content-length": String(LIMITS.fileBytes + 1) },
  });
  expect((await sent.answer).json()).toMatchObject({ status: 413, code: "too_large" });
  sent.request.destroy();
});

test("an upload that is cut off leaves nothing", async () => {
  await newLease();
  const sent = send(server.url, "PUT", `/v1/leases/${lease.id}/files/cut`, {
    headers: { "content-length": "100000" },
    body: "the beginning",
  });
  sent.answer.catch(() => {});
  await new Promise((resolve) => sent.request.once("finish", resolve));
  sent.request.destroy();
  // The next upload of that name is whole, whatever became of the first.
  await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/cut`, { body: "whole" });
  const answer = await ask(server.url, "GET", `/v1/runs/${lease.run}/files/cut`);
  expect(answer.text).toBe("whole");
});
