/** The TypeScript worker against a real server. */
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  Cancelled,
  DoNotRetry,
  LeaseLost,
  RetryAfter,
  TimedOut,
  WorkerStopping,
} from "../../worker/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import {
  cancelRun,
  createJob,
  endOf,
  eventually,
  signal,
  startRun,
  startRuns,
  startWorker,
  stopWorkers,
  unique,
  untilAborted,
} from "./play.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterEach(stopWorkers);
afterAll(() => server.close());

interface RunView {
  state: string;
  progress: number | null;
  message: string | null;
  attempt: number;
  output: unknown;
  log: { text: string };
  files: { name: string; size: number }[];
  children: { nodes: { id: string; job: { name: string }; state: string }[] };
  attempts: { number: number; outcome: string }[];
}

async function view(id: string): Promise<RunView> {
  const { run } = await server.graphql<{ run: RunView }>(
    `query ($id: ID!) { run(id: $id) {
      state progress message attempt output log { text } files { name size }
      children(first: 10) { nodes { id job { name } state } } attempts { number outcome }
    } }`,
    { id },
  );
  return run;
}

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

  test("leaves runs of other types alone", async () => {
    const [mine, foreign] = [
      await createJob(server, unique("mine")),
      await createJob(server, unique("foreign")),
    ];
    const left = await startRun(server, foreign);
    await startWorker(server, { [mine]: () => "done" });
    await endOf(server, await startRun(server, mine));
    expect(await view(left)).toMatchObject({ state: "READY", attempt: 0 });
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
    const run = await view(id);
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
    await eventually(() => view(id)).toMatchObject({
      state: "RUNNING",
      progress: 0.25,
      message: "a quarter",
    });
    goOn.resolve();
    expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED" });
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
    expect((await view(id)).children.nodes).toHaveLength(1);
    goOn.resolve();
    await endOf(server, id);
    await eventually(async () => (await view(id)).children.nodes.map(({ state }) => state)).toEqual([
      "SUCCEEDED",
      "SUCCEEDED",
      "SUCCEEDED",
      "SUCCEEDED",
    ]);
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
    expect(await view(id)).toMatchObject({ state: "WAITING", attempt: 1 });
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
    expect((await view(ids[1] ?? "")).attempts).toHaveLength(1);
  });
});

describe("a run that is taken away", () => {
  test("aborts its handler when it is cancelled, at once when progress is reported", async () => {
    const type = await createJob(server, unique("cancelled"));
    const started = signal();
    const reason = signal<unknown>();
    await startWorker(server, {
      [type]: async (_, ctx) => {
        started.resolve();
        const tick = setInterval(() => ctx.progress(0.5), 20);
        await untilAborted(ctx.signal).finally(() => {
          clearInterval(tick);
          reason.resolve(ctx.signal.reason);
        });
      },
    });
    const id = await startRun(server, type);
    await started.promise;
    await cancelRun(server, id);
    expect(await reason.promise).toBeInstanceOf(Cancelled);
    expect(await endOf(server, id)).toMatchObject({ state: "CANCELLED" });
  });

  // Nothing is reported here, so all is said by the executor's heartbeat, 10 s after its start.
  test("is known by the executor's heartbeat, which keeps the others", async () => {
    const type = await createJob(server, unique("held"));
    const started = signal();
    const goOn = signal();
    const reasons = new Map<unknown, unknown>();
    const { event, worker } = await startWorker(server, {
      [type]: async (input, ctx) => {
        if (ctx.lease.attempt > 1) return "the second attempt";
        if (worker.running === 3) started.resolve();
        const aborted = untilAborted(ctx.signal).finally(() => reasons.set(input, ctx.signal.reason));
        return await Promise.race([goOn.promise, aborted]);
      },
    });
    const [cancelled = "", lost = "", kept = ""] = await startRuns(server, type, [
      "cancelled",
      "lost",
      "kept",
    ]);
    await started.promise;
    await cancelRun(server, cancelled);
    await expireLease(lost);
    expect(await endOf(server, lost)).toMatchObject({ state: "SUCCEEDED", output: "the second attempt" });
    expect(await endOf(server, cancelled)).toMatchObject({ state: "CANCELLED" });
    await event("lost");
    expect(reasons.get("cancelled")).toBeInstanceOf(Cancelled);
    expect(reasons.get("lost")).toBeInstanceOf(LeaseLost);
    expect((await view(lost)).attempts.map(({ outcome }) => outcome)).toEqual(["LOST", "SUCCEEDED"]);
    const [lease] = await server.database.sql<{ prolonged: boolean }[]>`
      select expires_at > started_at + interval '35 seconds' as prolonged
      from escapement.lease where id = ${kept}::bigint`;
    expect(lease).toEqual({ prolonged: true });
    goOn.resolve();
    expect(await endOf(server, kept)).toMatchObject({ state: "SUCCEEDED" });
    expect(reasons.has("kept")).toBe(false);
  });

  test("is not recorded any more when its lease is lost", async () => {
    const type = await createJob(server, unique("late"));
    const started = signal();
    const goOn = signal();
    const { event } = await startWorker(server, {
      [type]: async (_, { lease }) => {
        if (lease.attempt === 1) {
          started.resolve();
          await goOn.promise;
        }
        return lease.attempt;
      },
    });
    const id = await startRun(server, type);
    await started.promise;
    await expireLease(id);
    expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: 2 });
    goOn.resolve();
    expect((await event("lost")).lease).toMatchObject({ run: id, attempt: 1 });
    expect(await endOf(server, id)).toMatchObject({ output: 2 });
  });

  test("fails when its time is up", async () => {
    const type = await createJob(server, unique("slow"), { timeout: "PT1S" });
    const reason = signal<unknown>();
    await startWorker(server, {
      [type]: (_, ctx) => untilAborted(ctx.signal).finally(() => reason.resolve(ctx.signal.reason)),
    });
    const id = await startRun(server, type);
    expect(await reason.promise).toBeInstanceOf(TimedOut);
    expect(await endOf(server, id)).toMatchObject({ state: "FAILED", error: { type: "TimedOut" } });
  });
});

describe("a worker that stops", () => {
  test("lets handlers finish, takes nothing new and leaves", async () => {
    const type = await createJob(server, unique("drain"));
    const started = signal();
    const goOn = signal();
    const { worker } = await startWorker(server, {
      [type]: async () => {
        started.resolve();
        await goOn.promise;
        return "finished";
      },
    });
    const id = await startRun(server, type);
    await started.promise;
    const stopped = worker.stop({ drainSeconds: 20 });
    const next = await startRun(server, type);
    goOn.resolve();
    await stopped;
    expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: "finished" });
    expect(await view(next)).toMatchObject({ state: "READY", attempt: 0 });
    expect(await executorState(worker.executor)).toBe("LEFT");
  });

  test("gives back what does not finish in time, at no cost of an attempt", async () => {
    const type = await createJob(server, unique("giveback"));
    const both = [signal(), signal()] as const;
    const reasons: unknown[] = [];
    const { worker, event } = await startWorker(server, {
      [type]: async (input, ctx) => {
        both[input === "stubborn" ? 0 : 1].resolve();
        if (input === "stubborn") await new Promise(() => undefined);
        await untilAborted(ctx.signal).finally(() => reasons.push(ctx.signal.reason));
      },
    });
    const ids = await startRuns(server, type, ["stubborn", "obedient"]);
    await Promise.all(both.map(({ promise }) => promise));
    await worker.stop({ drainSeconds: 0 });
    expect(await event("stopped")).toMatchObject({ unsettled: 0 });
    expect(reasons).toEqual([expect.any(WorkerStopping)]);
    for (const id of ids) expect(await view(id)).toMatchObject({ state: "READY" });
    await startWorker(server, { [type]: (_, { lease }) => lease.attempt });
    for (const id of ids) expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: 1 });
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

/** As if its executor had been silent for longer than the lease. */
async function expireLease(run: string): Promise<void> {
  await server.database.sql`
    update escapement.lease set expires_at = escapement.clock() - interval '1 second' where id = ${run}::bigint`;
}

async function executorState(name: string): Promise<string | undefined> {
  const { executors } = await server.graphql<{ executors: { nodes: { name: string; state: string }[] } }>(
    "{ executors { nodes { name state } } }",
  );
  return executors.nodes.find((executor) => executor.name === name)?.state;
}
