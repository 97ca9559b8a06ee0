/** What an attempt of the TypeScript worker saves for the next one. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ProtocolError, RetryAfter } from "../../worker/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { createJob, endOf, signal, startRun, startWorker, stopWorkers, unique } from "./play.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterEach(stopWorkers);
afterAll(() => server.close());

const RETRY = { fixed: { delay: "PT0S", max: 5 } };

test("a retry goes on where the attempt before it had got", async () => {
  const type = await createJob(server, unique("steps"), { retry: RETRY });
  const begun: unknown[] = [];
  await startWorker(server, {
    [type]: async (pages: number, ctx) => {
      begun.push(ctx.checkpoint);
      const { page = 0 } = (ctx.checkpoint ?? {}) as { page?: number };
      await ctx.saveCheckpoint({ page: page + 1 });
      if (page + 1 < pages) throw new RetryAfter(0);
      return page + 1;
    },
  });
  const ended = await endOf(server, await startRun(server, type, 3));
  expect(ended).toMatchObject({ state: "SUCCEEDED", output: 3 });
  expect(begun).toEqual([undefined, { page: 1 }, { page: 2 }]);
});

test("the newest of several checkpoints stays, as it was when it was saved, waited for or not", async () => {
  const type = await createJob(server, unique("newest"), { retry: RETRY });
  await startWorker(server, {
    [type]: async (_: unknown, ctx) => {
      if (ctx.checkpoint !== undefined) return ctx.checkpoint;
      const seen: number[] = [];
      for (let page = 1; page <= 20; page++) {
        seen.push(page);
        void ctx.saveCheckpoint(seen);
      }
      seen.length = 0;
      throw new RetryAfter(0);
    },
  });
  const ended = await endOf(server, await startRun(server, type));
  expect(ended.output).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
});

test("a handler that is told to stop can still save how far it is", async () => {
  const type = await createJob(server, unique("stopped"));
  const begun = signal();
  const first = await startWorker(server, {
    [type]: async (_: unknown, ctx) => {
      begun.resolve();
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      await ctx.saveCheckpoint("half way");
      throw ctx.signal.reason;
    },
  });
  const id = await startRun(server, type);
  await begun.promise;
  await first.worker.stop({ drainSeconds: 0 });
  await startWorker(server, {
    [type]: (_: unknown, ctx) => ({ from: ctx.checkpoint, attempt: ctx.lease.attempt }),
  });
  expect(await endOf(server, id)).toMatchObject({ output: { from: "half way", attempt: 1 } });
});

test("null forgets a checkpoint, and one that is too large is refused", async () => {
  const type = await createJob(server, unique("forget"), { retry: RETRY });
  const refusals: unknown[] = [];
  await startWorker(server, {
    [type]: async (_: unknown, ctx) => {
      if (ctx.lease.attempts.made === 0) {
        await ctx.saveCheckpoint("old");
        await ctx.saveCheckpoint("x".repeat(70_000)).catch((error: unknown) => refusals.push(error));
        throw new RetryAfter(0);
      }
      if (ctx.lease.attempts.made === 1) {
        await ctx.saveCheckpoint(null);
        throw new RetryAfter(0, String(ctx.checkpoint));
      }
      return { left: ctx.checkpoint ?? "nothing" };
    },
  });
  const id = await startRun(server, type);
  expect(await endOf(server, id)).toMatchObject({ state: "SUCCEEDED", output: { left: "nothing" } });
  expect(refusals).toEqual([expect.any(ProtocolError)]);
  expect(refusals[0]).toMatchObject({ code: "too_large", field: "checkpoint" });
  const { run } = await server.graphql<{ run: { attempts: { error: { message: string } | null }[] } }>(
    `{ run(id: "${id}") { attempts { error { message } } } }`,
  );
  expect(run.attempts[1]?.error?.message).toBe("old");
});
