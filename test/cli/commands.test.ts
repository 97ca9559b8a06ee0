/** The commands about runs, triggers, executors, backfills and tokens, against a server and workers. */
import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";
import {
  createJob,
  endOf,
  signal,
  startRun,
  startWorker,
  stopWorkers,
  unique,
  untilAborted,
} from "../worker/play.ts";
import { type Called, call, folderOf, start } from "./program.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterEach(stopWorkers);
afterAll(() => server.close());

const escapement = (...args: string[]): Promise<Called> => call(server.url, args);

test("run starts a job with its parameters and says its id", async () => {
  const job = await createJob(server, unique("started"));
  const said = await escapement("run", job, "--param", "n=3", "--param", "text=3 apples", "--priority", "8");
  expect(said).toMatchObject({ code: 0, stderr: "" });
  expect(said.stdout).toMatch(/^✔ Run \d+ of started-\w+ is READY\n$/);
  const { runs } = await server.graphql<{ runs: { nodes: unknown[] } }>(
    "query ($job: String!) { runs(filter: { job: $job }) { nodes { input priority } } }",
    { job },
  );
  expect(runs.nodes).toEqual([{ input: { n: 3, text: "3 apples" }, priority: 8 }]);

  const delayed = await escapement(
    "run",
    job,
    "--input",
    '{"a": 1}',
    "--param",
    "b=null",
    "--delay",
    "PT1H",
    "--json",
  );
  expect(delayed.json()).toMatchObject({ state: "WAITING", job: { name: job } });
  const keyed = [
    await escapement("run", job, "--key", "k", "--json"),
    await escapement("run", job, "--key", "k", "--json"),
  ];
  expect(new Set(keyed.map((each) => each.json().id)).size).toBe(1);
});

test("run --wait ends with the run: 0 and the output when it succeeded, 1 and the reason when not", async () => {
  const job = await createJob(server, unique("waited"));
  await startWorker(server, {
    [job]: async (input) => {
      const { fail } = input as { fail?: string };
      if (fail !== undefined) throw new Error(fail);
      return { sum: 7 };
    },
  });
  const good = await escapement("run", job, "--wait", "--input", "{}");
  expect(good.code).toBe(0);
  expect(JSON.parse(good.stdout)).toEqual({ sum: 7 });
  expect(good.stderr).toMatch(/Run \d+ SUCCEEDED/);

  const bad = await escapement("run", job, "--wait", "--json", "--param", "fail=no such table");
  expect(bad.code).toBe(1);
  expect(bad.json()).toMatchObject({ state: "FAILED", error: { message: "no such table" } });
  expect(bad.stderr).toMatch(/✘ Run \d+ of waited-\w+ ended FAILED: no such table/);
});

test("run --logs prints the log as it comes, through retries, and then the output", async () => {
  const job = await createJob(server, unique("chatty"), { retry: { fixed: { delay: "PT0.1S", max: 1 } } });
  const go = signal();
  await startWorker(server, {
    [job]: async (_input, context) => {
      context.log(`attempt ${context.lease.attempt} speaks`);
      await context.flushLog();
      if (context.lease.attempt === 1) throw new Error("once more");
      await go.promise;
      context.log("last words");
      return "done";
    },
  });
  const called = start(server.url, ["run", job, "--logs"]);
  await called.prints(/attempt 2 speaks/);
  go.resolve();
  const { code, stdout } = await called.ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/attempt 1 speaks[\s\S]*attempt 2 speaks[\s\S]*last words[\s\S]*"done"\n$/);
});

test("an interrupted wait leaves the run alone and says where it is", async () => {
  const job = await createJob(server, unique("long"));
  const called = start(server.url, ["run", job, "--wait"]);
  await expect.poll(async () => (await escapement("runs", "--job", job, "--json")).json().length).toBe(1);
  called.signal("SIGINT");
  const { code, stderr } = await called.ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/Run \d+ goes on; see: escapement show \d+/);
  const [run] = (await escapement("runs", "--job", job, "--json")).json();
  expect(run.state).toBe("READY");
});

test("a job that goes by steps has ended when its reduce has", async () => {
  const job = await createJob(server, unique("mapped"), { execution: "MAP_REDUCE" });
  await startWorker(server, {
    [job]: async (_input, context) => {
      if (context.lease.step === "ROOT")
        await context.startRuns([
          { job, input: 1 },
          { job, input: 2 },
        ]);
      return context.lease.step;
    },
  });
  const { code, stdout } = await escapement("run", job, "--wait");
  expect([code, stdout]).toEqual([0, '"REDUCE"\n']);
});

test("runs lists the newest first, filtered, as a table and as JSON", async () => {
  const job = await createJob(server, unique("listed"));
  const ids = [await startRun(server, job), await startRun(server, job)];
  await escapement("cancel", ids[0] ?? "");
  const all = await escapement("runs", "--job", job, "--json");
  expect(all.json().map(({ id }: { id: string }) => id)).toEqual([...ids].reverse());
  const cancelled = await escapement(
    "runs",
    "--job",
    job,
    "--state",
    "cancelled",
    "--state",
    "failed",
    "--json",
  );
  expect(cancelled.json()).toMatchObject([{ id: ids[0], state: "CANCELLED", job: { name: job } }]);
  const one = await escapement("runs", "--job", job, "--limit", "1", "--json");
  expect(one.json()).toHaveLength(1);
  const table = await escapement("runs", "--job", job);
  const [head, ...rows] = table.stdout.trimEnd().split("\n");
  expect(head).toMatch(/^RUN +NAMESPACE +JOB +STATE +ATTEMPT +SCHEDULED +TOOK +EXECUTOR$/);
  expect(rows).toHaveLength(2);
  // Piped, so in no colours.
  expect(rows[0]).toMatch(
    new RegExp(`^${ids[1]} +default +${job} +READY +0 +\\d{4}-\\S+Z \\(\\d+ sec\\. ago\\)$`),
  );
  expect((await escapement("runs", "--job", "nobody")).stdout).toBe("No runs.\n");
});

test("show tells what a run waits for, what it was given and what became of its attempts", async () => {
  const job = await createJob(server, unique("shown"));
  const id = await startRun(server, job, { a: 1 });
  const waiting = await escapement("show", id);
  expect(waiting.stdout).toMatch(/^state +READY$/m);
  expect(waiting.stdout).toMatch(/^why +\S/m);
  await startWorker(server, {
    [job]: async () => {
      throw new Error("wrong\nin two lines");
    },
  });
  await endOf(server, id);
  const ended = await escapement("show", id);
  expect(ended.stdout).toMatch(/^input +\{\n +"a": 1\n +\}$/m);
  expect(ended.stdout).toMatch(/^1 +FAILED .* wrong$/m);
  expect((await escapement("show", id, "--json")).json()).toMatchObject({
    id,
    attempts: [{ outcome: "FAILED" }],
  });
  expect(await escapement("show", "999")).toMatchObject({
    code: 1,
    stderr: "✘ There is no run 999; escapement runs lists them.\n",
  });
});

test("logs prints what is there; --follow goes on until the run has ended", async () => {
  const job = await createJob(server, unique("logged"));
  const go = signal();
  await startWorker(server, {
    [job]: async (_input, context) => {
      context.log("first");
      context.log("careful", "warn");
      await go.promise;
      context.log("second");
    },
  });
  const id = await startRun(server, job);
  const followed = start(server.url, ["logs", id, "--follow"]);
  await followed.prints(/first/);
  go.resolve();
  const { code, stdout } = await followed.ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/first\n.*careful\n.*second\n$/);
  expect((await escapement("logs", id)).stdout).toBe(stdout);
  expect((await escapement("logs", id, "--level", "warn")).stdout).toMatch(/^.*careful\n$/);
  const chunks = await escapement("logs", id, "--search", "SECOND", "--json");
  expect(JSON.parse(chunks.stdout.split("\n")[0] ?? "")).toMatchObject({ attempt: 1 });
  expect((await escapement("logs", "999", "--follow")).code).toBe(1);
});

/** Resolves when whoever asks GraphQL there, and no worker, has found nobody who would answer at the port. */
async function refusedOnce(port: number): Promise<void> {
  const met = signal();
  const nobody = createServer((socket) => {
    socket.once("data", (request) => {
      socket.destroy();
      if (request.includes("/graphql")) met.resolve();
    });
  });
  nobody.listen(port, "127.0.0.1");
  await met.promise;
  await new Promise((resolve) => nobody.close(resolve));
}

test("a log is followed across the end of one server and the start of another", async () => {
  const database = await createTestDatabase();
  const folder = folderOf({});
  const common = { databaseUrl: database.url };
  const first = await startServer({ ...common, config: { dataDir: folder.path } });
  const port = Number(new URL(first.url).port);
  const job = await createJob(first, unique("moving"));
  const go = signal();
  await startWorker(first, {
    [job]: async (_input, context) => {
      context.log("before");
      await go.promise;
      context.log("after");
    },
  });
  const id = await startRun(first, job);
  const followed = start(first.url, ["logs", id, "--follow"]);
  await followed.prints(/before/);
  await first.close();
  await refusedOnce(port);
  const second = await startServer({ ...common, config: { port, dataDir: folder.path } });
  go.resolve();
  const { code, stdout } = await followed.ended;
  await stopWorkers();
  await second.close();
  await database.drop();
  folder.remove();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^.*before\n.*after\n$/);
});

test("cancel and retry do each of several runs, and say which were refused", async () => {
  const job = await createJob(server, unique("ended"));
  const [one, two] = [await startRun(server, job), await startRun(server, job)];
  const cancelled = await escapement("cancel", one, "999", two, "--reason", "wrong input");
  expect(cancelled.code).toBe(1);
  expect(cancelled.stdout).toBe(`✔ Run ${one} of ${job} is CANCELLED\n✔ Run ${two} of ${job} is CANCELLED\n`);
  expect(cancelled.stderr).toMatch(/✘ Run 999: there is no run/);
  const { run } = await server.graphql<{ run: { error: { message: string } } }>(
    "query ($id: ID!) { run(id: $id) { error { message } } }",
    { id: one },
  );
  expect(run.error.message).toContain("wrong input");

  const retried = await escapement("retry", one, "--input", '{"right": true}', "--json");
  expect(retried.json()).toMatchObject([{ id: one, state: "READY" }]);
  const refused = await escapement("retry", one);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`✘ Run ${one}: `);
});

test("cancelling a running run says that it was told to stop", async () => {
  const job = await createJob(server, unique("stubborn"));
  const began = signal();
  await startWorker(server, {
    [job]: async (_input, context) => {
      began.resolve();
      return await untilAborted(context.signal);
    },
  });
  const id = await startRun(server, job);
  await began.promise;
  expect((await escapement("cancel", id)).stdout).toBe(
    `✔ Run ${id} of ${job} is RUNNING, and told to stop\n`,
  );
  expect((await endOf(server, id)).state).toBe("CANCELLED");
});

test("jobs, triggers and executors are listed; a trigger is paused, resumed and fired", async () => {
  const job = await createJob(server, unique("scheduled"));
  await server.graphql(
    `mutation ($job: String!) { createTrigger(input: {
      name: $job, job: $job, input: { from: "trigger" },
      schedule: { cron: { expression: "30 7 1 1 *", timeZone: "Europe/Berlin" } }
    }) { id } }`,
    { job },
  );
  await startWorker(server, { idle: async () => null }, { name: unique("worker"), capacity: 3 } as never);
  expect((await escapement("jobs", "--search", job, "--json")).json()).toMatchObject([
    { name: job, type: job },
  ]);
  expect((await escapement("jobs", "--search", job)).stdout).toMatch(
    new RegExp(`^default +${job} +${job} `, "m"),
  );
  expect((await escapement("executors", "--state", "online")).stdout).toMatch(/ONLINE .* idle /);

  const listed = await escapement("triggers", "--job", job);
  expect(listed.stdout).toMatch(/NORMAL +At 07:30.*Berlin\) .*-01-01T06:30:00\.000Z \(in \d+ days\)/);
  const paused = await escapement("triggers", "pause", job, "--reason", "maintenance");
  expect(paused.stdout).toBe(`✔ Trigger ${job} is PAUSED\n`);
  expect((await escapement("triggers", "--state", "paused", "--json")).json()).toMatchObject([
    { name: job, reason: "maintenance" },
  ]);
  const resumed = await escapement("triggers", "resume", job, "--missed", "skip");
  expect(resumed.stdout).toMatch(/is NORMAL, next fire \d{4}-01-01T/);
  const fired = await escapement("triggers", "fire", job, "--json");
  expect(fired.json()).toMatchObject({ state: "READY", job: { name: job } });
  expect(await escapement("triggers", "pause", "nobody")).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no trigger "nobody"/),
  });
});

test("backfill makes runs for past times, or says which it would make", async () => {
  const job = await createJob(server, unique("filled"));
  const range = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-03T00:00:00Z"];
  const dry = await escapement("backfill", job, ...range, "--parallel", "2", "--dry-run");
  expect(dry.stdout).toMatch(/^It would start 3 runs, 2 at once:\n {2}2026-01-01T00:00:00\.000Z/);
  const made = await escapement("backfill", job, ...range, "--parallel", "2", "--order", "descending");
  expect(made.stdout).toMatch(/^✔ Backfill \S+ of filled-\w+ starts 3 runs, 2 at once\n$/);
  const runs = (await escapement("runs", "--job", job, "--json")).json() as { scheduledAt: string }[];
  expect(runs.map(({ scheduledAt }) => scheduledAt.slice(0, 10)).sort()).toEqual([
    "2026-01-02",
    "2026-01-03",
  ]);
  expect(await escapement("backfill", ...range)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--trigger"),
  });
});

test("what the server refuses names the field; what cannot be asked exits with 2", async () => {
  const refused = await escapement("run", "nobody");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^✘ .*no job "nobody"/) });
  const job = await createJob(server, unique("refusing"));
  const bad = await escapement("run", job, "--delay", "5m");
  expect(bad).toMatchObject({ code: 1, stderr: expect.stringMatching(/^✘ .*delay.*did you mean PT5M/s) });
  expect(await escapement("runs", "--state", "gone")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("GONE"),
  });
  expect(await escapement("run", job, "--input", "{oops")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^✘ --input is no JSON: /),
  });
  expect(await escapement("runs", "--bogus")).toMatchObject({ code: 2 });
  expect(await escapement("apply", "-f", "/nowhere.yaml")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("/nowhere.yaml cannot be read"),
  });
  expect(await escapement("runz")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no command "runz"'),
  });
});

test("a server that is away, or is another program, is told with what to do", async () => {
  const away = await call("http://127.0.0.1:9", ["runs"]);
  expect(away).toMatchObject({ code: 2, stdout: "" });
  expect(away.stderr).toMatch(/^✘ No answer from http:\/\/127\.0\.0\.1:9: .*--url or ESCAPEMENT_URL\.\n$/);
  // The dashboard's own address answers, but not with GraphQL.
  const other = await call(`${server.url}/v1`, ["runs"]);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("is no Escapement server") });
  expect(await call("localhost:4400", ["runs"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is no address of a server"),
  });
});

test("tokens: without one and with a wrong one nothing is answered; one of a namespace means that namespace", async () => {
  const token = "0123456789abcdef-cli";
  const locked = await startServer({ config: { adminToken: token }, token });
  try {
    const without = await call(locked.url, ["jobs"]);
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining("Pass a token with --token") });
    const wrong = await call(locked.url, ["jobs"], { token: "wrong-wrong-wrong-wrong" });
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Pass another one with --token"),
    });

    await locked.graphql(`mutation { createNamespace(input: { name: "shop" }) { id } }`);
    const made = await call(
      locked.url,
      ["tokens", "create", "ci", "--role", "operator", "--namespace", "shop", "--json"],
      { token },
    );
    const { secret, token: created } = made.json();
    await call(locked.url, ["apply", "-f", "-", "--namespace", "shop"], {
      token,
      input: "{kind: job, name: sell, type: sell}",
    });
    const started = await call(locked.url, ["run", "sell", "--json"], { token: secret });
    expect(started.json()).toMatchObject({ namespace: "shop", state: "READY" });
    const refused = await call(locked.url, ["apply", "-f", "-"], {
      token: secret,
      input: "{kind: job, name: other, type: sell}",
    });
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/needs a token of the role ADMIN.*Pass a token/),
    });
    expect((await call(locked.url, ["tokens"], { token })).stdout).toMatch(/ci +OPERATOR +shop/);
    await call(locked.url, ["tokens", "revoke", created.id], { token });
    expect((await call(locked.url, ["runs"], { token: secret })).code).toBe(2);
  } finally {
    await locked.close();
  }
});

test("every command explains itself with an example", async () => {
  const { stdout } = await escapement("--help");
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name = ""]) => name);
  expect(commands).toContain("apply");
  const servers = ["dev", "server", "migrate", "worker"];
  for (const name of commands.filter((each) => !servers.includes(each))) {
    const help = await escapement(name, "--help");
    expect(help.code).toBe(0);
    expect(help.stdout).toContain(`Example:\n  escapement ${name}`);
  }
});
