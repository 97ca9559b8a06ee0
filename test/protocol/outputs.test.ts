/** Logs and output files: what is stored, what is read back, and that no name leaves its folder. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import type { Change } from "../../server/store/channel.ts";
import { connect, type Database } from "../../server/store/connection.ts";
import { diskStore } from "../../server/store/output-disk.ts";
import { createOutputIndex } from "../../server/store/output-index.ts";
import { s3Store } from "../../server/store/output-s3.ts";
import type { OutputStore } from "../../server/store/output-store.ts";
import { createOutputs, type Outputs } from "../../server/store/outputs.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startBucket, type TestBucket } from "../support/s3-server.ts";

let store: { open(): Promise<OutputStore>; everything(): string[]; close(): Promise<void> | void };
let underneath: OutputStore;
let outputs: Outputs;
let cluster: TestDatabase;
let database: Database;
const told: Change[] = [];
let runs = 382_342_211_309_666_305n;
const newRun = (attempt = 1) => ({ runId: String(runs++), attempt, namespaceId: 7, jobId: 1 });

/** A folder of its own. */
function inFolder(): typeof store {
  const folder = mkdtempSync(join(tmpdir(), "escapement-outputs-"));
  return {
    open: async () => diskStore(folder),
    everything: () => readdirSync(folder, { recursive: true }).map(String),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A bucket of its own. */
function inBucket(): typeof store {
  let bucket: TestBucket | undefined;
  return {
    async open() {
      bucket = await startBucket();
      return s3Store(bucket);
    },
    everything: () => [...(bucket?.objects.keys() ?? [])],
    close: () => bucket?.close(),
  };
}

describe.each([
  ["a folder", inFolder],
  ["a bucket", inBucket],
])("in %s", (_, make) => {
  beforeAll(async () => {
    store = make();
    cluster = await createTestDatabase();
    database = connect(cluster.url, { poolSize: 4, deadlineMs: 10_000 });
    underneath = await store.open();
    outputs = createOutputs(underneath, createOutputIndex(database.sql), {
      publish: (changes) => void told.push(...changes),
    });
  });
  afterAll(async () => {
    await store.close();
    await database.close();
    await cluster.drop();
  });

  const line = (message: string, time = 0) => ({ time, level: "info" as const, message });
  async function* bytes(...chunks: (string | Buffer)[]) {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const everything = () => store.everything();

  test("a log has a line per line, each with time and level, in the order of the appends", async () => {
    const run = newRun();
    await Promise.all([
      outputs.appendLog(run, [
        line("one"),
        { time: 1_700_000_000_000, level: "warn", message: "two\nlines\n" },
      ]),
      outputs.appendLog(run, [line("three")]),
      outputs.appendLog(run, [line("")]),
    ]);
    const log = await outputs.readLog(run.runId, {});
    expect(log?.text).toBe(
      "1970-01-01T00:00:00.000Z info one\n2023-11-14T22:13:20.000Z warn two\n2023-11-14T22:13:20.000Z warn lines\n" +
        "1970-01-01T00:00:00.000Z info three\n1970-01-01T00:00:00.000Z info \n",
    );
    expect(log).toMatchObject({ attempt: 1, offset: 0, nextOffset: log?.size });
    expect(told.at(-1)).toEqual({ kind: "log", runId: run.runId, namespaceId: 7 });
  });

  test("many concurrent appends keep their order", async () => {
    const run = newRun();
    await Promise.all(Array.from({ length: 200 }, (_, at) => outputs.appendLog(run, [line(`line ${at} é`)])));
    const log = await outputs.readLog(run.runId, {});
    const numbers = [...(log?.text.matchAll(/line (\d+) é/g) ?? [])].map(([, number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: 200 }, (_, at) => at));
  });

  test("a log can neither colour nor steer the terminal that shows it", async () => {
    const run = newRun();
    const ESC = String.fromCharCode(27);
    await outputs.appendLog(run, [
      line(`${ESC}[31mred${ESC}[0m\ttab ${ESC}]0;title\u0007 \u0000 \u009b2J back\rwards`),
    ]);
    expect((await outputs.readLog(run.runId, {}))?.text).toBe(
      "1970-01-01T00:00:00.000Z info red\ttab \\x1b]0;title\\x07 \\x00 \\x9b2J back\\x0dwards\n",
    );
  });

  test("reading goes on where it stopped, never inside a line or a character", async () => {
    const run = newRun();
    await outputs.appendLog(
      run,
      Array.from({ length: 50 }, (_, at) => line(`${"ü€😀".repeat(at)}`)),
    );
    const whole = (await outputs.readLog(run.runId, { limit: 1_000_000 }))?.text;
    let text = "";
    for (let offset = 0; ; ) {
      const slice = await outputs.readLog(run.runId, { offset, limit: 100 });
      if (!slice || slice.text === "") break;
      expect(slice.text).not.toContain("\ufffd");
      text += slice.text;
      offset = slice.nextOffset;
    }
    expect(text).toBe(whole);
    expect(await outputs.readLog(run.runId, { offset: 1e9 })).toMatchObject({ text: "" });
  });

  test("a negative offset reads the end, from a whole line on", async () => {
    const run = newRun();
    await outputs.appendLog(run, [line("first"), line("second"), line("third")]);
    const tail = await outputs.readLog(run.runId, { offset: -50 });
    expect(tail?.text).toBe("1970-01-01T00:00:00.000Z info third\n");
    expect(tail?.nextOffset).toBe(tail?.size);
    expect((await outputs.readLog(run.runId, { offset: -1e6 }))?.text).toMatch(/info first\n/);
  });

  test("a search finds lines by text and level, anywhere in the log, and goes on where an answer was full", async () => {
    const run = newRun();
    const levels = ["debug", "info", "warn", "error"] as const;
    const lines = Array.from({ length: 6_000 }, (_, at) => ({
      time: 0,
      level: levels[at % 4] ?? "info",
      message: `number ${at} ${at % 1_000 === 999 ? "Ünïque Needle" : "hay"} ${"x".repeat(400)}`,
    }));
    for (let at = 0; at < lines.length; at += 1_000)
      await outputs.appendLog(run, lines.slice(at, at + 1_000));
    const find = async (filter: { search?: string; level?: "debug" | "info" | "warn" | "error" }) => {
      const numbers: number[] = [];
      let answers = 0;
      for (let offset = 0; ; answers++) {
        const slice = await outputs.readLog(run.runId, { offset, ...filter });
        if (!slice || slice.text === "") return { numbers, answers };
        numbers.push(...[...slice.text.matchAll(/number (\d+) /g)].map(([, number]) => Number(number)));
        offset = slice.nextOffset;
      }
    };
    expect(await find({ search: "üNÏQUE needle" })).toEqual({
      numbers: [999, 1999, 2999, 3999, 4999, 5999],
      answers: 1,
    });
    const graver = await find({ level: "warn" });
    expect(graver.numbers).toEqual(lines.flatMap((_, at) => (at % 4 >= 2 ? [at] : [])));
    expect(graver.answers).toBeGreaterThan(3);
    expect((await find({ level: "error", search: "needle" })).numbers).toHaveLength(6);
    expect((await find({ level: "error", search: "number 998 " })).numbers).toEqual([]);
    // The time and the level are no part of what was logged.
    expect((await find({ search: "1970-01" })).numbers).toEqual([]);
    expect(await outputs.readLog(newRun().runId, { search: "x" })).toBeNull();
    await expect(outputs.readLog(run.runId, { search: "x".repeat(201) })).rejects.toMatchObject({
      code: "BAD_INPUT",
      field: "search",
    });
  });

  test("each attempt has its log, and the last one is shown by default", async () => {
    const run = newRun();
    expect(await outputs.readLog(run.runId, {})).toBeNull();
    for (const attempt of [1, 2, 10])
      await outputs.appendLog({ ...run, attempt }, [line(`attempt ${attempt}`)]);
    expect(await outputs.logAttempts(run.runId)).toEqual([1, 2, 10]);
    expect((await outputs.readLog(run.runId, {}))?.attempt).toBe(10);
    expect((await outputs.readLog(run.runId, { attempt: 2 }))?.text).toContain("attempt 2");
    expect(await outputs.readLog(run.runId, { attempt: 3 })).toBeNull();
  });

  test("a log ends at its limit with one line that says so", async () => {
    const run = newRun();
    const block = Array.from({ length: 1024 }, () => line("😀".repeat(2_000)));
    await outputs.appendLog(run, block);
    for (let at = 0; at < 3; at++) await outputs.appendLog(run, block);
    const log = await outputs.readLog(run.runId, { offset: -300 });
    expect(log?.size).toBeGreaterThan(LIMITS.logBytes);
    expect(log?.size).toBeLessThan(LIMITS.logBytes + 200);
    expect(log?.text.match(/the log is cut here: it reached its limit of 10 MiB\n$/g)).toHaveLength(1);
    expect(log?.text).not.toContain("\ufffd");
  });

  test("a file comes back as it was stored, with its size and digest", async () => {
    const run = newRun();
    const content = randomBytes(300_000);
    const stored = await outputs.putFile(
      run,
      "report ü.bin",
      bytes(content.subarray(0, 7), content.subarray(7)),
    );
    const sha256 = createHash("sha256").update(content).digest("hex");
    expect(stored).toMatchObject({ name: "report ü.bin", attempt: 1, size: 300_000, sha256 });
    expect(await outputs.listFiles(run.runId)).toEqual([stored]);
    const file = await outputs.openFile(run.runId, "report ü.bin");
    const read: Buffer[] = [];
    for await (const chunk of file?.read() ?? []) read.push(chunk as Buffer);
    expect(Buffer.concat(read)).toEqual(content);
  });

  test("a file of the same name is replaced, in its attempt only; the last attempt's is read", async () => {
    const run = newRun();
    await outputs.putFile(run, "a", bytes("old"));
    await outputs.putFile(run, "a", bytes("new one"));
    await outputs.putFile(run, "a", bytes("new one"));
    await outputs.putFile({ ...run, attempt: 2 }, "a", bytes("second"));
    await outputs.putFile(run, "b", bytes());
    const files = await outputs.listFiles(run.runId);
    expect(files.map(({ name, attempt, size }) => [name, attempt, size])).toEqual([
      ["a", 1, 7],
      ["a", 2, 6],
      ["b", 1, 0],
    ]);
    expect((await outputs.openFile(run.runId, "a"))?.size).toBe(6);
    expect((await outputs.openFile(run.runId, "a", 1))?.size).toBe(7);
    expect(await outputs.openFile(run.runId, "c")).toBeNull();
  });

  test("a file that breaks off leaves nothing, not even of the one it would have replaced", async () => {
    const run = newRun();
    await outputs.putFile(run, "a", bytes("whole"));
    async function* broken() {
      yield Buffer.from("ha");
      throw new Error("cut");
    }
    await expect(outputs.putFile(run, "a", broken())).rejects.toThrow("cut");
    expect((await outputs.listFiles(run.runId)).map(({ size }) => size)).toEqual([5]);
    expect(everything().filter((path) => path.includes(run.runId) && path.includes("files/"))).toHaveLength(
      1,
    );
  });

  test("an attempt can store only so many files", async () => {
    const run = newRun();
    await outputs.putFile(run, "first", bytes("x"));
    const numbers = Array.from({ length: LIMITS.filesPerRun - 1 }, (_, number) => String(number));
    for (let at = 0; at < numbers.length; at += 100) {
      await Promise.all(numbers.slice(at, at + 100).map((name) => outputs.putFile(run, name, bytes())));
    }
    await expect(outputs.putFile(run, "one-more", bytes("x"))).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
    });
    expect((await outputs.putFile(run, "first", bytes("yz"))).size).toBe(2);
  });

  const UNSAFE = [
    "",
    ".",
    "..",
    ".hidden",
    "../up",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "..\\up",
    "nul\u0000",
    "line\nbreak",
    "\u2028",
    "\u007f",
    "\ud800",
    "x".repeat(201),
    "ü".repeat(101),
  ];
  test.each(UNSAFE)("the name %j is refused, for storing and for reading", async (name) => {
    const run = newRun();
    await expect(outputs.putFile(run, name, bytes("x"))).rejects.toMatchObject({
      code: "BAD_INPUT",
      field: "name",
    });
    await expect(outputs.openFile(run.runId, name)).rejects.toMatchObject({
      code: "BAD_INPUT",
      field: "name",
    });
    expect(everything().some((path) => path.includes(run.runId))).toBe(false);
  });

  test.each([
    "ü".repeat(100),
    "a b.csv",
    "name.with.dots",
    "$(rm -rf)",
    "%2e%2e%2f",
    "~",
    "con",
    "-rf",
    '"quoted"',
    "日本語",
  ])("the name %j is only a name", async (name) => {
    const run = newRun();
    const outside = everything().filter((path) => !path.includes(run.runId)).length;
    await outputs.putFile(run, name, bytes("x"));
    expect((await outputs.listFiles(run.runId)).map((file) => file.name)).toEqual([name]);
    expect(everything().filter((path) => !path.includes(run.runId)).length).toBeLessThanOrEqual(outside + 3);
  });

  test.each(["..", "../..", "1/../../2", "0", "-1", "1e3", "", " 1", "99999999999999999999"])(
    "the run id %j is no folder",
    async (runId) => {
      await expect(outputs.readLog(runId, {})).rejects.toMatchObject({ code: "BAD_INPUT" });
      await expect(outputs.listFiles(runId)).rejects.toMatchObject({ code: "BAD_INPUT" });
      await expect(underneath.remove([runId])).rejects.toMatchObject({ code: "BAD_INPUT" });
    },
  );

  test("what a run left is removed with it; what is old goes in whole folders", async () => {
    const [gone, kept] = [newRun(), newRun()];
    for (const run of [gone, kept]) await outputs.appendLog(run, [line("x")]);
    await underneath.remove([gone.runId, newRun().runId]);
    expect(await outputs.readLog(gone.runId, {})).toBeNull();
    expect(await outputs.readLog(kept.runId, {})).not.toBeNull();

    const id = (dayOfUse: number) => String((BigInt(dayOfUse) * 86_400_000n) << 22n);
    for (const day of [10, 20]) await outputs.appendLog({ ...kept, runId: id(day) }, [line("x")]);
    await underneath.removeBefore(id(15));
    expect(await outputs.readLog(id(10), {})).toBeNull();
    expect(await outputs.readLog(id(20), {})).not.toBeNull();
    await underneath.removeBefore("0");
    expect(await outputs.readLog(id(20), {})).not.toBeNull();
  });
});
