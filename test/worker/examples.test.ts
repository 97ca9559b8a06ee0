/** Workers in processes and languages of their own, against a real server with authentication on. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { cancelRun, createJob, endOf, eventually, type Speaker, startRun, startRuns } from "./play.ts";
import { expectGone } from "./processes.ts";

const ADMIN = "the-administrators-secret";
let server: TestServer & Speaker;
let workerToken: string;
const processes = new Set<ChildProcess>();

beforeAll(async () => {
  server = { ...(await startServer({ config: { adminToken: ADMIN }, token: ADMIN })), token: ADMIN };
  const { createToken } = await server.graphql<{ createToken: { secret: string } }>(
    'mutation { createToken(input: { name: "w", role: WORKER, namespace: "default" }) { secret } }',
  );
  workerToken = createToken.secret;
  const types = [
    "sh.hello",
    "sh.disk",
    "sh.sleep",
    "py.hello",
    "py.count",
    "py.sleep",
    "demo.greet",
    "demo.report",
    "folder.checksum",
  ];
  const optional = ["shell", "python", "sql", "procedure"];
  for (const type of [...types, ...optional]) await createJob(server, type);
});
afterEach(async () => {
  for (const each of processes) await endGroup(each);
  processes.clear();
});
afterAll(() => server.close());

describe("the curl worker", () => {
  test("completes and fails runs, with their log", async () => {
    startProcess("sh", ["worker/examples/worker.sh"]);
    const trick = { type: "sh.disk", 'id":"': '"}],"leases":[{"id":"x"' };
    const [hello, disk, slept, failed] = [
      await startRun(server, "sh.hello", trick),
      await startRun(server, "sh.disk"),
      await startRun(server, "sh.sleep", 0.1),
      await startRun(server, "sh.sleep", "not a number; echo oops"),
    ];
    expect(await endOf(server, hello)).toMatchObject({ state: "SUCCEEDED", output: "see the log" });
    expect(await logOf(hello)).toContain(`the input is ${JSON.stringify(trick)}`);
    expect(await endOf(server, disk)).toMatchObject({ state: "SUCCEEDED" });
    expect(await logOf(disk)).toContain("Filesystem");
    expect(await endOf(server, slept)).toMatchObject({ state: "SUCCEEDED" });
    expect(await endOf(server, failed)).toMatchObject({ state: "FAILED", error: { message: "exit code 1" } });
    expect(await logOf(failed)).toContain("invalid time interval");
  });

  test("stops a run that is cancelled, and leaves when it is told to", async () => {
    const worker = startProcess("sh", ["worker/examples/worker.sh"]);
    const id = await startRun(server, "sh.sleep", 600);
    await eventually(() => stateOf(id)).toBe("RUNNING");
    await cancelRun(server, id);
    expect(await endOf(server, id)).toMatchObject({ state: "CANCELLED" });
    // A claim that is still on its way when the worker leaves would introduce it again.
    await eventually(parkedPolls).toBe(1);
    worker.kill("SIGTERM");
    expect(await once(worker, "exit")).toEqual([0, null]);
    expect(await executorStates(`-${worker.pid}-`)).toEqual(new Set(["LEFT"]));
  });
});

describe("the Python worker", () => {
  test("completes and fails runs, with log and progress", async () => {
    startProcess("python3", ["worker/examples/worker.py"]);
    const many = await startRuns(server, "py.hello", new Array(30).fill("Ada"));
    for (const id of many) {
      expect(await endOf(server, id)).toMatchObject({
        state: "SUCCEEDED",
        output: { greeting: "hello, Ada" },
      });
    }
    const counted = await startRun(server, "py.count", "one two\nthree");
    expect(await endOf(server, counted)).toMatchObject({ state: "SUCCEEDED", output: { words: 3 } });
    expect(await logOf(counted)).toMatch(/1: 2 words so far\n.*2: 3 words so far/);
    const failed = await startRun(server, "py.count", 7);
    const { state, error } = await endOf(server, failed);
    expect(state).toBe("FAILED");
    expect(error).toMatchObject({ type: "DoNotRetry", message: "the input must be a string" });
    expect(error?.stack).toContain("worker.py");
  });

  // It hears of the cancellation by its heartbeat, within 10 s.
  test("stops a run that is cancelled, and lets others finish when it is told to leave", async () => {
    const worker = startProcess("python3", ["worker/examples/worker.py"]);
    const cancelled = await startRun(server, "py.sleep", 600);
    await eventually(() => stateOf(cancelled)).toBe("RUNNING");
    await cancelRun(server, cancelled);
    expect(await endOf(server, cancelled)).toMatchObject({ state: "CANCELLED" });
    const finishing = await startRun(server, "py.sleep", 1);
    // It is lent before its answer has arrived; a worker told to leave in between gives it back.
    await eventually(() => logOf(finishing)).toContain("sleeping");
    worker.kill("SIGTERM");
    expect(await once(worker, "exit")).toEqual([0, null]);
    expect(await endOf(server, finishing)).toMatchObject({ state: "SUCCEEDED" });
    expect(await executorStates(`-${worker.pid}-`)).toEqual(new Set(["LEFT"]));
  });
});

describe("the example of a task type of one's own", () => {
  let root: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "escapement-checksum-"));
  });
  afterAll(() => rmSync(root, { recursive: true }));

  test("checks its input, does its work and shows its form", async () => {
    mkdirSync(join(root, "in"));
    writeFileSync(join(root, "in", "a.txt"), "abc");
    writeFileSync(join(root, "in", ".hidden"), "");
    startProcess(process.execPath, ["--import", "tsx", "worker/examples/checksum-task.ts"], {
      CHECKSUM_ROOT: root,
    });
    const done = await startRun(server, "folder.checksum", { folder: "in" });
    expect(await endOf(server, done)).toMatchObject({ output: { files: 1, file: "SHA256SUMS" } });
    const headers = { authorization: `Bearer ${ADMIN}` };
    const file = await fetch(`${server.url}/v1/runs/${done}/files/SHA256SUMS`, { headers });
    expect(await file.text()).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.txt\n",
    );
    for (const [input, message] of [
      [{}, "input.folder is missing."],
      [{ folder: "in", all: true }, 'has no member "all"; it knows folder, hidden.'],
      [{ folder: "../.." }, "leads out of the folder"],
    ] as const) {
      expect(await endOf(server, await startRun(server, "folder.checksum", input))).toMatchObject({
        state: "FAILED",
        error: { type: "DoNotRetry", message: expect.stringContaining(message) },
      });
    }
    const { taskTypes } = await server.graphql<{ taskTypes: unknown[] }>(
      '{ taskTypes(namespace: "default", type: "folder.checksum") { title groups inputSchema } }',
    );
    expect(taskTypes).toMatchObject([
      {
        title: "Checksums",
        groups: ["default"],
        inputSchema: { properties: { folder: { title: "Folder" } } },
      },
    ]);
  });
});

describe("the built-in worker", () => {
  const entry = ["--import", "tsx", "worker/builtin.ts"];
  const settings = { ESCAPEMENT_NAMESPACES: "default", ESCAPEMENT_SHELL: "1" };

  test("runs the demo's tasks and shell commands", async () => {
    startProcess(process.execPath, entry, settings);
    const greeted = await startRun(server, "demo.greet", { name: "Ada" });
    const reported = await startRun(server, "demo.report", { seconds: 0.5 });
    const ran = await startRun(server, "shell", {
      command: "echo run $ESCAPEMENT_RUN; env | grep -c TOKEN; true",
    });
    expect(await endOf(server, greeted)).toMatchObject({ output: { greeting: "Hello, Ada!" } });
    expect(await endOf(server, ran)).toMatchObject({ output: { exitCode: 0, stdout: `run ${ran}\n0` } });
    expect(await endOf(server, reported)).toMatchObject({ state: "SUCCEEDED", output: { regions: 8 } });
    const file = await fetch(`${server.url}/v1/runs/${reported}/files/sales.csv`, {
      headers: { authorization: `Bearer ${ADMIN}` },
    });
    expect(file.headers.get("content-disposition")).toContain("attachment");
    expect((await file.text()).split("\n")).toHaveLength(10);
  });

  test("offers nothing that runs code unless its operator says so", async () => {
    const quiet = startProcess(process.execPath, entry, { ESCAPEMENT_NAMESPACES: "default" });
    const ids = [
      await startRun(server, "shell", { command: "true" }),
      await startRun(server, "python", { script: "1" }),
      await startRun(server, "sql", { connection: "main", statement: "select 1" }),
    ];
    expect(await endOf(server, await startRun(server, "demo.greet"))).toMatchObject({ state: "SUCCEEDED" });
    for (const id of ids) expect(await stateOf(id)).toBe("READY");
    await endGroup(quiet);
    for (const id of ids) await cancelRun(server, id);
  });

  test("runs scripts and statements where its operator says so", async () => {
    const connections = { main: { url: server.databaseUrl } };
    startProcess(process.execPath, entry, {
      ...settings,
      ESCAPEMENT_PYTHON: "1",
      ESCAPEMENT_SQL_CONNECTIONS: JSON.stringify(connections),
    });
    const script = 'import os; print("#{setValue(tokens=%d)}" % sum("TOKEN" in name for name in os.environ))';
    expect(await endOf(server, await startRun(server, "python", { script }))).toMatchObject({
      output: { tokens: "0" },
    });
    const statement = "select n from generate_series(1, 2000) n";
    const many = await startRun(server, "sql", { connection: "main", statement });
    expect(await endOf(server, many)).toMatchObject({ output: { rowCount: 2000, file: "result.csv" } });
    const call = {
      connection: "main",
      routine: "upper",
      kind: "function",
      params: [{ value: "a", type: "text" }],
    };
    expect(await endOf(server, await startRun(server, "procedure", call))).toMatchObject({
      output: { upper: "A" },
    });
  });

  test("takes its commands and their files along when it is killed", async () => {
    const worker = startProcess(process.execPath, entry, settings);
    const script = "trap '' TERM; echo file=$ESCAPEMENT_OUTPUT; sh -c 'echo pid=$$; sleep 600' & wait";
    const id = await startRun(server, "shell", { script });
    await eventually(() => logOf(id)).toContain("pid=");
    const log = await logOf(id);
    worker.kill("SIGKILL");
    await expectGone(Number(/pid=(\d+)/.exec(log)?.[1]));
    await eventually(() => existsSync(dirname(dirname(/file=(\S+)/.exec(log)?.[1] ?? "")))).toBe(false);
    await cancelRun(server, id);
  });

  test.each(["SIGTERM", "disconnect"])(
    "ends with its commands on %s and gives their runs back",
    async (how) => {
      const worker = startProcess(process.execPath, entry, settings);
      const id = await startRun(server, "shell", { command: "echo pid=$$; sleep 600" });
      await eventually(() => logOf(id)).toContain("pid=");
      const pid = Number(/pid=(\d+)/.exec(await logOf(id))?.[1]);
      if (how === "SIGTERM") worker.kill("SIGTERM");
      else worker.disconnect();
      expect(await once(worker, "exit")).toEqual([0, null]);
      await expectGone(pid);
      expect(await stateOf(id)).toBe("READY");
      await cancelRun(server, id);
    },
  );

  test.each([
    [{ ESCAPEMENT_TOKEN: "wrong" }, "The server refused this worker"],
    [{ ESCAPEMENT_SQL_CONNECTIONS: "{" }, "The SQL connections are not JSON."],
    [{ ESCAPEMENT_CONTAINER: "1", PATH: "/nowhere" }, "needs docker or podman on the PATH"],
  ])("says why it cannot start: %j", async (wrong, message) => {
    const worker = startProcess(process.execPath, entry, wrong);
    const [said, [code]] = await Promise.all([
      worker.stderr === null ? "" : text(worker.stderr),
      once(worker, "exit"),
    ]);
    expect(said).toContain(message);
    expect(code).toBe(1);
  });
});

/** In a process group of its own, so that nothing of it stays behind. */
function startProcess(
  file: string,
  args: string[],
  settings: Record<string, string | undefined> = {},
): ChildProcess {
  const started = spawn(file, args, {
    env: { ...process.env, ESCAPEMENT_URL: server.url, ESCAPEMENT_TOKEN: workerToken, ...settings },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    detached: true,
  });
  // The pipe must not fill up.
  started.stderr?.resume();
  processes.add(started);
  return started;
}

async function endGroup(ending: ChildProcess): Promise<void> {
  if (ending.pid === undefined) return;
  const ended = ending.exitCode !== null || ending.signalCode !== null ? undefined : once(ending, "exit");
  try {
    process.kill(-ending.pid, "SIGKILL");
  } catch {
    // The group is gone already.
  }
  await ended;
}

async function stateOf(id: string): Promise<string> {
  const { run } = await server.graphql<{ run: { state: string } }>(
    "query ($id: ID!) { run(id: $id) { state } }",
    { id },
  );
  return run.state;
}

async function parkedPolls(): Promise<number> {
  const metrics = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN}` } });
  return Number(/^escapement_parked_polls\S* (\d+)$/m.exec(await metrics.text())?.[1] ?? Number.NaN);
}

async function logOf(id: string): Promise<string> {
  const answer = await fetch(`${server.url}/v1/runs/${id}/log`, {
    headers: { authorization: `Bearer ${ADMIN}` },
  });
  return answer.ok ? await answer.text() : "";
}

async function executorStates(pid: string): Promise<Set<string>> {
  const { executors } = await server.graphql<{ executors: { nodes: { name: string; state: string }[] } }>(
    "{ executors { nodes { name state } } }",
  );
  return new Set(executors.nodes.filter(({ name }) => name.includes(pid)).map(({ state }) => state));
}
