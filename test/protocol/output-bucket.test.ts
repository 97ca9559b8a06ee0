/** Outputs in a bucket: parts, failures of the service, several servers at once. */
import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readConfig } from "../../server/config.ts";
import { connect, type Database } from "../../server/store/connection.ts";
import { createOutputIndex } from "../../server/store/output-index.ts";
import { s3Store } from "../../server/store/output-s3.ts";
import { createOutputs, type Outputs } from "../../server/store/outputs.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startBucket, type TestBucket } from "../support/s3-server.ts";
import { startServer } from "../support/server.ts";
import { ask, client } from "./raw.ts";

let bucket: TestBucket;
let outputs: Outputs;
let database: Database;
let cluster: TestDatabase;
const open = () => createOutputs(s3Store(bucket), createOutputIndex(database.sql), { publish: () => {} });
const line = (message: string) => ({ time: 0, level: "info" as const, message });
let runs = 382_342_211_309_666_305n;
const newRun = (attempt = 1) => ({ runId: String(runs++), attempt, namespaceId: 7, jobId: 1 });
const MIB = 1024 * 1024;
const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

beforeAll(async () => {
  bucket = await startBucket();
  cluster = await createTestDatabase();
  database = connect(cluster.url, { poolSize: 4, deadlineMs: 10_000 });
});
afterAll(async () => {
  await bucket.close();
  await database.close();
  await cluster.drop();
});
beforeEach(() => {
  bucket.partSizes.length = 0;
  outputs = open();
});

async function* inChunks(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function contentOf(runId: string, name: string, range?: { start: number; end: number }) {
  const chunks: Buffer[] = [];
  for await (const chunk of (await outputs.openFile(runId, name))?.read(range) ?? [])
    chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

test("a large file goes up in parts while it comes, and comes down whole or by range", async () => {
  const run = newRun();
  const content = randomBytes(19 * MIB);
  const stored = await outputs.putFile(run, "large", inChunks(content, 1_000_003));
  expect(stored).toMatchObject({ size: content.length, sha256: digest(content) });
  expect(bucket.partSizes).toEqual([8 * MIB, 8 * MIB, 3 * MIB]);
  expect(bucket.openUploads()).toBe(0);
  expect(digest(await contentOf(run.runId, "large"))).toBe(stored.sha256);
  const range = { start: 8 * MIB - 5, end: 8 * MIB + 4 };
  expect(await contentOf(run.runId, "large", range)).toEqual(content.subarray(range.start, range.end + 1));
});

test("an upload that breaks off in the middle is given up, and no file is there", async () => {
  const run = newRun();
  const before = bucket.objects.size;
  async function* broken() {
    yield randomBytes(9 * MIB);
    throw new Error("cut");
  }
  await expect(outputs.putFile(run, "cut", broken())).rejects.toThrow("cut");
  expect([bucket.openUploads(), bucket.objects.size]).toEqual([0, before]);
  expect(await outputs.listFiles(run.runId)).toEqual([]);
});

test("a replaced file leaves nothing in the bucket", async () => {
  const run = newRun();
  await outputs.putFile(run, "a", inChunks(Buffer.from("old"), 9));
  await outputs.putFile(run, "a", inChunks(Buffer.from("new"), 9));
  expect([...bucket.objects.keys()].filter((key) => key.includes(run.runId))).toHaveLength(2);
  expect(String(await contentOf(run.runId, "a"))).toBe("new");
});

test("what fails for a moment is tried again; what stays away is told to come back later", async () => {
  const run = newRun();
  bucket.fail(503, 2);
  await outputs.putFile(run, "a", inChunks(Buffer.from("x"), 1));
  expect(await outputs.listFiles(run.runId)).toHaveLength(1);
  bucket.fail(503, 1_000);
  await expect(outputs.listFiles(run.runId)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(outputs.appendLog(run, [line("x")])).rejects.toMatchObject({ code: "UNAVAILABLE" });
  bucket.fail(0, 0);
});

test("a wrong secret, and a bucket that is not there, are not taken for an empty store", async () => {
  const wrong = s3Store({ ...bucket, secret: "wrong" });
  await expect(wrong.check()).rejects.toThrow("403");
  await expect(wrong.listFiles("7")).rejects.toThrow("403");
  const absent = s3Store({ ...bucket, url: bucket.url.replace(/[^/]+$/, "absent") });
  await expect(absent.check()).rejects.toThrow("does not exist");
  await expect(absent.listFiles("7")).rejects.toThrow("does not exist");
});

test("two servers that append to one log at once lose no line", async () => {
  const run = newRun();
  const other = open();
  const appends = Array.from({ length: 40 }, (_, at) =>
    (at % 2 === 0 ? outputs : other).appendLog(run, [line(`line ${at}.`)]),
  );
  await Promise.all(appends);
  const text = (await outputs.readLog(run.runId, {}))?.text ?? "";
  const numbers = [...text.matchAll(/line (\d+)\./g)].map(([, number]) => Number(number));
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at));
  const even = numbers.filter((number) => number % 2 === 0);
  expect(even).toEqual([...even].sort((a, b) => a - b));
});

test("a long log is in pieces, and reads as one", async () => {
  const run = newRun();
  const whole: string[] = [];
  for (let at = 0; at < 8; at++) {
    const message = `${at} ${"é".repeat(50_000)}`;
    whole.push(`1970-01-01T00:00:00.000Z info ${message}\n`);
    await outputs.appendLog(run, [line(message)]);
  }
  const pieces = [...bucket.objects.keys()].filter((key) => key.includes(`${run.runId}/1/log/`));
  expect(pieces.length).toBeGreaterThan(1);
  const log = await outputs.readLog(run.runId, { limit: MIB });
  expect(log?.text).toBe(whole.join(""));
  expect(log?.size).toBe(Buffer.byteLength(whole.join("")));
});

test("a server stores in the bucket that its configuration names, over HTTP as ever", async () => {
  const server = await startServer({ config: { outputBucket: bucket } });
  try {
    await server.graphql(`mutation { createJob(input: { name: "hello", type: "sh.hello" }) { name } }`);
    const lease = await client(server).lease("hello");
    const path = `/v1/runs/${lease.run}`;
    await ask(server.url, "POST", `/v1/leases/${lease.id}/logs`, { body: "hello\n" });
    await ask(server.url, "PUT", `/v1/leases/${lease.id}/files/digits`, { body: "0123456789" });
    expect((await ask(server.url, "GET", `${path}/log`)).text).toMatch(/ info hello\n$/);
    const range = await ask(server.url, "GET", `${path}/files/digits`, { headers: { range: "bytes=3-5" } });
    expect([range.status, range.text]).toEqual([206, "345"]);
    bucket.fail(503, 1_000);
    const away = await ask(server.url, "GET", `${path}/files`);
    expect([away.status, away.json().code]).toEqual([503, "unavailable"]);
  } finally {
    bucket.fail(0, 0);
    await server.close();
  }
});

test("what is old goes in pages, and what others keep in the bucket stays", async () => {
  const store = s3Store(bucket);
  const id = (day: number) => String((BigInt(day) * 86_400_000n) << 22n);
  const foreign = ["outputs/000-readme", "outputs/0/x", "other/1"];
  for (const key of foreign) bucket.objects.set(key, { bytes: Buffer.alloc(1), etag: '"x"', at: new Date() });
  for (let at = 0; at < 60; at++) {
    await store.putFile({ runId: id(10), attempt: 1 }, `file ${at}`, inChunks(Buffer.from("x"), 1));
  }
  await store.putFile({ runId: id(20), attempt: 1 }, "young", inChunks(Buffer.from("x"), 1));
  await store.removeBefore(id(15));
  expect([...bucket.objects.keys()].filter((key) => key.includes(id(10)))).toEqual([]);
  expect(await store.listFiles(id(20))).toHaveLength(1);
  expect(foreign.filter((key) => bucket.objects.has(key))).toEqual(foreign);
});

test("a server starts while its bucket is out of reach, and says so to who asks", async () => {
  const server = await startServer({
    config: { outputBucket: { ...bucket, url: "http://127.0.0.1:1/bucket" } },
  });
  try {
    await server.graphql(`mutation { createJob(input: { name: "hello", type: "sh.hello" }) { name } }`);
    const lease = await client(server).lease("hello");
    const answer = await ask(server.url, "POST", `/v1/leases/${lease.id}/logs`, { body: "hello\n" });
    expect([answer.status, answer.json().code]).toEqual([503, "unavailable"]);
  } finally {
    await server.close();
  }
});

test("a configuration with half of a bucket is refused", () => {
  const url = "https://s3.example.org/bucket";
  expect(() => readConfig({ ESCAPEMENT_OUTPUT_S3_URL: url })).toThrow("belong together");
  expect(() => readConfig({ ESCAPEMENT_OUTPUT_S3_URL: "bucket" })).toThrow("ESCAPEMENT_OUTPUT_S3_URL");
  const all = { ESCAPEMENT_OUTPUT_S3_KEY_ID: "id", ESCAPEMENT_OUTPUT_S3_SECRET: "secret" };
  expect(readConfig({ ...all, ESCAPEMENT_OUTPUT_S3_URL: url }).outputBucket).toEqual({
    url,
    region: "us-east-1",
    keyId: "id",
    secret: "secret",
  });
});
