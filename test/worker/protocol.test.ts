/** The curl lines of PROTOCOL.md, pasted into a shell as a reader would, against a real server. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { createJob, endOf, startRun } from "./play.ts";

const page = readFileSync(new URL("../../worker/PROTOCOL.md", import.meta.url), "utf8");

/** What each call's example must have brought about; every call of the page is here. */
const outcomes: Record<string, (answer: string) => unknown> = {
  Claim: (answer) => expect(JSON.parse(answer).leases).toHaveLength(1),
  Heartbeat: (answer) => expect(JSON.parse(answer)).toEqual({ leaseSeconds: 30, cancel: false }),
  Complete: (answer) => expect(JSON.parse(answer)).toEqual({ state: "SUCCEEDED" }),
  Fail: (answer) => expect(JSON.parse(answer)).toEqual({ state: "WAITING", retryInSeconds: 60 }),
  Release: (answer) => expect(JSON.parse(answer)).toEqual({ state: "READY" }),
  Logs: async () =>
    expect(await logOf(run)).toMatch(/info hello from .*\n2026-01-01T.* warn disk nearly full\n$/),
  Files: async () =>
    expect(await (await fetch(`${server.url}/v1/runs/${run}/files/report.csv`)).text()).toBe("a,b\n"),
  "Child runs": (answer) =>
    expect(JSON.parse(answer)).toEqual({
      runs: [expect.any(String), expect.any(String)],
      join: expect.any(String),
    }),
  Results: (answer) => expect(JSON.parse(answer)).toEqual({ results: [] }),
  Settle: async (answer) => {
    expect(JSON.parse(answer)).toMatchObject({ results: [{ status: "ok", state: "SUCCEEDED" }], leases: [] });
    expect(await endOf(server, run)).toMatchObject({ output: 42 });
  },
  "Executor heartbeat": (answer) =>
    expect(JSON.parse(answer).leases).toEqual([{ lease, status: "ok", cancel: false, leaseSeconds: 30 }]),
  Register: () =>
    expect(executorOf()).resolves.toMatchObject({ state: "ONLINE", capacity: 4, labels: { zone: "a" } }),
  Leave: () => expect(executorOf()).resolves.toMatchObject({ state: "LEFT" }),
  "Start runs": (answer) =>
    expect(JSON.parse(answer).runs).toEqual([{ id: expect.any(String), state: "READY" }]),
  "Look at a run": (answer) => expect(JSON.parse(answer)).toMatchObject({ id: run, state: "SUCCEEDED" }),
  "Log and files of a run": () => expect(readFileSync(join(folder, "report.csv"), "utf8")).toBe("a,b\n"),
};

let server: TestServer;
let folder: string;
let run: string;
let lease: string;

beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "escapement-test-protocol-"));
  for (const job of ["greet", "resize", "collect"]) await createJob(server, job, { type: "other" });
  await createJob(server, "sh.hello", { retry: { fixed: { delay: "PT10S", max: 3 } } });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("PROTOCOL.md", () => {
  test("has a line to paste beside every call, and every one of them is tried here", () => {
    const described = [...page.matchAll(/^### (.+)\n\n```\n(?:GET|POST|PUT|DELETE) /gm)].map(
      ([, title]) => title,
    );
    expect(described).toEqual(Object.keys(outcomes));
    expect([...examples().keys()]).toEqual(described);
  });

  test.each(Object.keys(outcomes))("%s does what it says", async (title) => {
    writeFileSync(join(folder, "report.csv"), "a,b\n");
    await prepare(title);
    await outcomes[title]?.(await paste(examples().get(title) ?? ""));
  });
});

/** The shell block of each call, by the call's title. */
function examples(): Map<string, string> {
  const found = new Map<string, string>();
  for (const section of page.split(/^### /m).slice(1)) {
    const block = /^```sh\n([\s\S]*?)^```/m.exec(section)?.[1];
    if (block !== undefined) found.set(section.slice(0, section.indexOf("\n")), block);
  }
  return found;
}

/** Leases of the examples so far. */
let held: string[] = [];

async function prepare(title: string): Promise<void> {
  // The page registers a capacity, and what an example left behind counts.
  await server.call("POST", "/v1/settle", {
    results: held.map((lease) => ({ lease, outcome: "succeeded" })),
  });
  held = [];
  run = await startRun(server, "sh.hello");
  if (title === "Claim") return;
  const { body } = await server.call("POST", "/v1/leases", {
    executor: "me-1",
    types: ["sh.hello"],
    max: 100,
  });
  const { leases = [] } = body as { leases?: { id: string; run: string }[] };
  held.push(...leases.map(({ id }) => id));
  lease = leases.find((each) => each.run === run)?.id ?? "";
  if (title === "Look at a run") await server.call("POST", `/v1/leases/${lease}/complete`, {});
  if (title === "Log and files of a run") {
    for (const before of ["Logs", "Files"]) await paste(examples().get(before) ?? "");
    rmSync(join(folder, "report.csv"));
  }
}

/** What a reader does; a refused call fails the test. */
async function paste(lines: string): Promise<string> {
  const setup = /^```sh\n(U=[\s\S]*?)^```/m.exec(page)?.[1]?.replace("http://127.0.0.1:4400", server.url);
  const script = `set -e; curl() { command curl --fail-with-body "$@"; }; L=${lease} R=${run}; ${setup}\n${lines}`;
  const { stdout } = await promisify(execFile)("sh", ["-c", script], { cwd: folder });
  return stdout;
}

async function logOf(id: string): Promise<string> {
  return (await fetch(`${server.url}/v1/runs/${id}/log`)).text();
}

async function executorOf(): Promise<unknown> {
  const { executors } = await server.graphql<{ executors: { nodes: { name: string }[] } }>(
    "{ executors { nodes { name state capacity labels } } }",
  );
  return executors.nodes.find(({ name }) => name === "me-1");
}
