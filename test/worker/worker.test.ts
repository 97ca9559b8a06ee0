/** The TypeScript worker against a real server. */
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { DoNotRetry, RetryAfter } from "../../worker/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import {
  createJob,
  endOf,
  eventually,
  signal,
  startRun,
  startRuns,
  startWorker,
  stopWorkers,
  unique,
  viewOf,
} from "./play.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterEach(stopWorkers);
afterAll(() => server.close());

describe("a worker", () => {
  test("hands the input to the handler and its output back", async () => {
    const type = await createJob(server, unique("echo"));
    await startWorker(server, { [type]: (input: { name: string }) => ({ hello: input.name }) });
    const ended = await endOf(server, await startRun(server, type, { name: "Ada" }));
    expect(ended).toMatchObject({ state: "SUCCEEDED", output: { hello: "Ada" } });
  });

  test("hands bytes over as bytes", async () => {
    const type = await createJob(server, unique("bytes"));
    await startWorker(server, {
      [type]: (input) => ({ isBytes: input instanceof Uint8Array, hex: String(input) }),
    });
    const started = await server.call("POST", "/v1/runs", {
      runs: [{ job: type, inputBase64: Buffer.from("raw").toString("base64") }],
    });
    const [{ id } = { id: "" }] = (started.body as { runs?: { id: string }[] }).runs ?? [];
    expect(await endOf(server, id)).toMatchObject({ output: { isBytes: true, hex: "raw" } });
  });

  test("gives bytes back as bytes", async () => {
    const type = await createJob(server, unique("bytes"));
    await startWorker(server, { [type]: () => new Uint8Array([0, 255]) });
    const ended = await endOf(server, await startRun(server, type, null));
    expect(ended).toMatchObject({ state: "SUCCEEDED", outputBase64: "AP8=" });
    expect(ended).not.toHaveProperty("output");
  });

  test("works on no more runs than it was told to, and on as many", async () => {
    const type = await createJob(server, unique("crowd"));
    let atWork = 0;
    let most = 0;
    const full = signal();
    await startWorker(
      server,
      {
        [type]: async () => {
          most = Math.max(most, ++atWork);
          if (most === 5) full.resolve();
          await full.promise;
          atWork--;
        },
      },
      { concurrency: 5 },
    );
    const ids = await startRuns(server, type, new Array(40).fill(null));
    for (const id of ids) expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED" });
    expect(most).toBe(5);
  });

  test("executes each of 1,000 runs once", async () => {
    const type = await createJob(server, unique("many"));
    const seen = new Map<string, number>();
    const handler = (_: unknown, { lease }: { lease: { run: string } }) => {
      seen.set(lease.run, (seen.get(lease.run) ?? 0) + 1);
    };
    const ids = await startRuns(server, type, new Array(500).fill(null));
    const { events } = await startWorker(server, { [type]: handler }, { concurrency: 20 });
    await startWorker(server, { [type]: handler }, { concurrency: 20 });
    ids.push(...(await startRuns(server, type, new Array(500).fill(null))));
    for (const id of ids) expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED" });
    expect([...seen.keys()].sort()).toEqual([...ids].sort());
    expect(new Set(seen.values())).toEqual(new Set([1]));
    expect(events.some(({ kind }) => kind === "lost" || kind === "error")).toBe(false);
  });

  test("hears that it is drained and goes on when that is lifted", async () => {
    const type = await createJob(server, unique("drained"));
    const { worker, events } = await startWorker(server, { [type]: () => "done" });
    const told = () => events.flatMap((event) => (event.kind === "drained" ? [event.drained] : []));
    await server.graphql(`mutation { drainExecutor(name: "${worker.executor}") { id } }`);
    await expect.poll(told, { timeout: 10_000 }).toEqual([true]);
    const run = await startRun(server, type);
    await server.graphql(`mutation { undrainExecutor(name: "${worker.executor}") { id } }`);
    expect(await endOf(server, run)).toMatchObject({ state: "SUCCEEDED" });
    expect(told()).toEqual([true, false]);
  });

  test("leaves runs of other types alone", async () => {
    const [mine, foreign] = [
      await createJob(server, unique("mine")),
      await createJob(server, unique("foreign")),
    ];
    const left = await startRun(server, foreign);
    await startWorker(server, { [mine]: () => "done" });
    await endOf(server, await startRun(server, mine));
    expect(await viewOf(server, left)).toMatchObject({ state: "READY", attempt: 0 });
  });

  test("stores log, progress and files before the run ends", async () => {
    const type = await createJob(server, unique("report"));
    await startWorker(server, {
      [type]: async (_, ctx) => {
        for (let line = 1; line <= 300; line++) ctx.log(`line ${line}`, line === 300 ? "warn" : "info");
        await ctx.putFile("table.csv", "a,b\n1,2\n");
        await ctx.putFile("odd name é.bin", Readable.from([Buffer.from("st"), Buffer.from("ream")]));
        ctx.progress(0.5, "half");
        ctx.progress(1, "all of it");
      },
    });
    const id = await startRun(server, type);
    await endOf(server, id);
    const run = await viewOf(server, id);
    const lines = run.log.text.trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ").slice(-2).join(" "))).toEqual(
      Array.from({ length: 300 }, (_, index) => `line ${index + 1}`),
    );
    expect(lines.at(-1)).toContain("warn");
    expect(run.files).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "table.csv", size: 8 }),
        expect.objectContaining({ name: "odd name é.bin", size: 6 }),
      ]),
    );
    expect(run.progress).toBe(1);
  });

  test("shows progress while the run goes on", async () => {
    const type = await createJob(server, unique("steps"));
    const goOn = signal();
    await startWorker(server, {
      [type]: async (_, ctx) => {
        ctx.progress(0.25, "a quarter");
        await goOn.promise;
      },
    });
    const id = await startRun(server, type);
    await eventually(() => viewOf(server, id)).toMatchObject({
      state: "RUNNING",
      progress: 0.25,
      message: "a quarter",
    });
    goOn.resolve();
    expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED" });
  });

  test("maps over thousands and reads what each led to in the run that joins them", async () => {
    const [root, part, end] = [
      await createJob(server, unique("root")),
      await createJob(server, unique("part")),
      await createJob(server, unique("end")),
    ];
    const numbers = Array.from({ length: 1_500 }, (_, n) => n);
    const ended = signal<unknown>();
    await startWorker(server, {
      [root]: (_, ctx) => ctx.map(part, numbers, { join: { job: end } }),
      [part]: (input: number) => {
        if (input === 7) throw new DoNotRetry("seven");
        return input * 2;
      },
      [end]: async (_, ctx) => {
        const seen: unknown[] = [];
        for await (const { state, output, error } of ctx.results())
          seen.push(output ?? `${state} ${error?.message}`);
        ended.resolve(seen);
      },
    });
    const id = await startRun(server, root);
    expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED" });
    expect(await ended.promise).toEqual(numbers.map((n) => (n === 7 ? "FAILED seven" : n * 2)));
  });

  test("maps and reduces in one handler, which the lease tells its step", async () => {
    const type = await createJob(server, unique("sum"), { execution: "MAP_REDUCE" });
    const total = signal<number>();
    await startWorker(server, {
      [type]: async (input: number, ctx) => {
        if (ctx.lease.step === "ROOT") return (await ctx.map(type, [1, 2, 3])).runs.length;
        if (ctx.lease.step === "PART") return input;
        let sum = 0;
        for await (const { output } of ctx.results()) sum += output as number;
        total.resolve(sum);
        return sum;
      },
    });
    expect(await endOf(server, await startRun(server, type))).toMatchObject({ output: 3 });
    expect(await total.promise).toBe(6);
  });

  test("starts child runs when the run succeeds, and at once when told to", async () => {
    const [parent, child] = [
      await createJob(server, unique("parent")),
      await createJob(server, unique("child")),
    ];
    const goOn = signal();
    const early = signal<string>();
    await startWorker(server, {
      [parent]: async (_, ctx) => {
        await ctx.startRuns(
          [
            { job: child, input: 1 },
            { job: child, input: 2 },
          ],
          { join: { job: child } },
        );
        const { runs } = await ctx.startRuns([{ job: child, input: 3 }], { now: true });
        early.resolve(runs[0] ?? "");
        await goOn.promise;
      },
      [child]: (input) => input,
    });
    const id = await startRun(server, parent);
    expect(await endOf(server, await early.promise)).toMatchObject({ state: "SUCCEEDED", output: 3 });
    expect((await viewOf(server, id)).children.nodes).toHaveLength(1);
    goOn.resolve();
    await endOf(server, id);
    await eventually(async () => (await viewOf(server, id)).children.nodes.map(({ state }) => state)).toEqual(
      ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"],
    );
  });
});

describe("a handler that throws", () => {
  test("fails the run with message, type and stack", async () => {
    const type = await createJob(server, unique("broken"));
    class OutOfPaper extends Error {}
    await startWorker(server, {
      [type]: () => {
        throw new OutOfPaper("tray 2 is empty");
      },
    });
    const { state, error } = await endOf(server, await startRun(server, type));
    expect(state).toBe("FAILED");
    expect(error).toMatchObject({ message: "tray 2 is empty", type: "OutOfPaper" });
    expect(error?.stack).toContain("worker.test.ts");
  });

  test("is tried again by the job's policy, and not after DoNotRetry", async () => {
    const retry = { fixed: { delay: "PT0S", max: 5 } };
    const type = await createJob(server, unique("again"), { retry });
    const tries: number[] = [];
    await startWorker(server, {
      [type]: (_, { lease }) => {
        tries.push(lease.attempt);
        throw lease.attempt < 3 ? new Error("once more") : new DoNotRetry("never");
      },
    });
    const id = await startRun(server, type);
    expect(await endOf(server, id)).toMatchObject({ state: "FAILED", error: { message: "never" } });
    expect(tries).toEqual([1, 2, 3]);
  });

  test("puts its retry off with RetryAfter", async () => {
    const type = await createJob(server, unique("later"), { retry: { fixed: { delay: "PT0S", max: 5 } } });
    const { event } = await startWorker(server, {
      [type]: () => {
        throw new RetryAfter(3600);
      },
    });
    const id = await startRun(server, type);
    const { result } = await event("settled");
    expect(result).toMatchObject({ state: "WAITING", retryInSeconds: 3600 });
    expect(await viewOf(server, id)).toMatchObject({ state: "WAITING", attempt: 1 });
  });

  test.each([
    ["is not JSON", () => ({ big: 1n }), "something that is not JSON"],
    ["is too large", () => "x".repeat(2_000_000), "refused its output"],
  ])("an output that %s fails its own run and no other", async (_, bad, message) => {
    const type = await createJob(server, unique("output"), { retry: { fixed: { delay: "PT0S", max: 5 } } });
    await startWorker(server, { [type]: (input) => (input === "bad" ? bad() : "fine") });
    const ids = await startRuns(server, type, ["good", "bad", "good"]);
    const ends = await Promise.all(ids.map((id) => endOf(server, id)));
    expect(ends.map(({ state }) => state)).toEqual(["SUCCEEDED", "FAILED", "SUCCEEDED"]);
    expect(ends[1]?.error?.message).toContain(message);
    expect((await viewOf(server, ids[1] ?? "")).attempts).toHaveLength(1);
  });
});

describe("a worker that starts", () => {
  test("makes itself known", async () => {
    const type = unique("known");
    const { worker } = await startWorker(
      server,
      { [type]: () => null },
      { groups: ["default", "gpu"], concurrency: 3, labels: { zone: "a" } },
    );
    const { executors } = await server.graphql<{ executors: { nodes: { name: string }[] } }>(
      "{ executors { nodes { name state groups types capacity labels } } }",
    );
    expect(executors.nodes.find(({ name }) => name === worker.executor)).toMatchObject({
      state: "ONLINE",
      groups: ["default", "gpu"],
      types: [type],
      capacity: 3,
      labels: { zone: "a" },
    });
  });

  test.each([0, -1, 1.5, 100_000, Number.NaN])("refuses a concurrency of %d", async (concurrency) => {
    await expect(startWorker(server, { a: () => null }, { concurrency })).rejects.toThrow(
      "concurrency must be",
    );
  });

  test("wants a handler", async () => {
    await expect(startWorker(server, {})).rejects.toThrow("at least one handler");
  });

  test("says that its token is refused", async () => {
    const guarded = await startServer({ config: { adminToken: "a-secret-for-this-test" } });
    try {
      const handlers = { a: () => null };
      await expect(startWorker(guarded, handlers)).rejects.toThrow("The server refused this worker");
      await expect(startWorker(guarded, handlers, { token: "wrong" })).rejects.toThrow("refused this worker");
      await startWorker(guarded, handlers, { token: "a-secret-for-this-test" });
      await stopWorkers();
    } finally {
      await guarded.close();
    }
  });
});
