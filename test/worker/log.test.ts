/** How a run's log travels: order, chunks, and what happens when the server is slow or wants no more. */
import { describe, expect, test } from "vitest";
import { Log } from "../../worker/log.ts";
import { Lines, Tail } from "../../worker/tasks/process/lines.ts";

const time = new Date("2026-01-01T00:00:00Z");

/** A server that answers each chunk when told to. */
function slowServer() {
  const chunks: string[] = [];
  const open: ((goOn: boolean) => void)[] = [];
  const arrivals: (() => void)[] = [];
  return {
    chunks,
    send: (chunk: string) => {
      chunks.push(chunk);
      for (const arrived of arrivals.splice(0)) arrived();
      return new Promise<boolean>((resolve) => open.push(resolve));
    },
    answer: (goOn = true) => open.shift()?.(goOn),
    arrival: () => new Promise<void>((resolve) => arrivals.push(resolve)),
  };
}

function messagesIn(chunks: string[]): string[] {
  const lines = chunks.join("").trimEnd().split("\n");
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}

describe("a run's log", () => {
  test("sends the lines of one burst together, with level and time", async () => {
    const { chunks, send, answer, arrival } = slowServer();
    const log = new Log(send);
    log.add("info", "one", time);
    log.add("warn", "two\nlines", time);
    const flushed = log.flush();
    await arrival();
    answer();
    await flushed;
    expect(chunks).toEqual([
      '{"level":"info","message":"one","time":"2026-01-01T00:00:00.000Z"}\n' +
        '{"level":"warn","message":"two\\nlines","time":"2026-01-01T00:00:00.000Z"}\n',
    ]);
  });

  test("sends what gathered during a request with the next one, in order", async () => {
    const { chunks, send, answer, arrival } = slowServer();
    const log = new Log(send);
    log.add("info", "1", time);
    await arrival();
    log.add("info", "2", time);
    log.add("info", "3", time);
    expect(chunks.length).toBe(1);
    const second = arrival();
    answer();
    await second;
    expect(messagesIn(chunks)).toEqual(["1", "2", "3"]);
    expect(chunks.length).toBe(2);
    answer();
    await log.flush();
  });

  test("begins again after a pause", async () => {
    const { chunks, send, answer, arrival } = slowServer();
    const log = new Log(send);
    for (const message of ["before", "after"]) {
      const arrived = arrival();
      log.add("info", message, time);
      await arrived;
      answer();
      await log.flush();
    }
    expect(messagesIn(chunks)).toEqual(["before", "after"]);
  });

  test("keeps requests small", async () => {
    const chunks: string[] = [];
    const log = new Log((chunk) => {
      chunks.push(chunk);
      return Promise.resolve(true);
    });
    const messages = Array.from({ length: 1000 }, (_, index) => `${index} ${"x".repeat(1000)}`);
    for (const message of messages) log.add("info", message, time);
    await log.flush();
    expect(messagesIn(chunks)).toEqual(messages);
    expect(chunks.length).toBeGreaterThan(5);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(200_000);
  });

  test("cuts a line that would not fit", async () => {
    const chunks: string[] = [];
    const log = new Log((chunk) => Promise.resolve(chunks.push(chunk) > 0));
    log.add("info", "x".repeat(1_000_000), time);
    await log.flush();
    expect(messagesIn(chunks)[0]).toHaveLength(32 * 1024);
  });

  test("bounds what waits for a server that is away, and says what is missing", async () => {
    const { chunks, send, answer, arrival } = slowServer();
    const log = new Log(send);
    log.add("info", "first", time);
    await arrival();
    const line = "y".repeat(30_000);
    for (let count = 0; count < 500; count++) log.add("info", line, time);
    while (chunks.length < 3) {
      const next = arrival();
      answer();
      await next;
    }
    log.add("info", "last", time);
    const flushed = log.flush();
    let over = false;
    void flushed.then(() => {
      over = true;
    });
    while (!over) {
      answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const messages = messagesIn(chunks);
    const kept = messages.filter((message) => message === line).length;
    expect(kept).toBeGreaterThan(200);
    expect(kept).toBeLessThan(400);
    expect(messages.slice(-2)).toEqual([
      `${500 - kept} lines are missing here: the server took the log too slowly.`,
      "last",
    ]);
  });

  test("stops sending when the server wants no more", async () => {
    const { chunks, send, answer, arrival } = slowServer();
    const log = new Log(send);
    log.add("info", "1", time);
    await arrival();
    log.add("info", "2", time);
    answer(false);
    await log.flush();
    log.add("info", "3", time);
    await log.flush();
    expect(messagesIn(chunks)).toEqual(["1"]);
  });
});

describe("lines of a stream", () => {
  test("are put together from chunks, whatever ends them", () => {
    const lines = new Lines();
    expect(lines.push("a")).toEqual([]);
    expect(lines.push("b\nc\r\n\nd")).toEqual(["ab", "c", ""]);
    expect(lines.push("\r")).toEqual([]);
    expect(lines.push("\n")).toEqual(["d"]);
    expect(lines.push("e")).toEqual([]);
    expect(lines.end()).toEqual(["e"]);
    expect(lines.end()).toEqual([]);
  });

  test("do not grow without end", () => {
    const lines = new Lines();
    expect(lines.push("x".repeat(20_000))).toEqual(["x".repeat(20_000)]);
    expect(lines.end()).toEqual([]);
  });

  test("are kept from the end", () => {
    const tail = new Tail(10);
    for (const line of ["aaaa", "bbbb", "cccc"]) tail.push(line);
    expect(tail.text).toBe("bbbb\ncccc");
    tail.push("d".repeat(30));
    expect(tail.text).toBe("d".repeat(10));
  });
});
