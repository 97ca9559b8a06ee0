/** How the TypeScript worker gives runs up: cancelled, lost, out of time, or because it stops itself. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Cancelled, LeaseLost, TimedOut, WorkerStopping } from "../../worker/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import {
  cancelRun,
  createJob,
  endOf,
  signal,
  startRun,
  startRuns,
  startWorker,
  stopWorkers,
  unique,
  untilAborted,
  viewOf,
} from "./play.ts";

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterEach(stopWorkers);
afterAll(() => server.close());

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
    expect((await viewOf(server, lost)).attempts.map(({ outcome }) => outcome)).toEqual([
      "LOST",
      "SUCCEEDED",
    ]);
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
    expect(await viewOf(server, next)).toMatchObject({ state: "READY", attempt: 0 });
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
    for (const id of ids) expect(await viewOf(server, id)).toMatchObject({ state: "READY" });
    await startWorker(server, { [type]: (_, { lease }) => lease.attempt });
    for (const id of ids) expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: 1 });
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
