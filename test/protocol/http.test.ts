/** The one port around the protocol: probes, metrics, the dashboard's files, and how it closes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import pino from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHttp, type HttpDeps } from "../../server/http.ts";
import { diskStore } from "../../server/store/output-disk.ts";
import { createOutputIndex } from "../../server/store/output-index.ts";
import { createOutputs } from "../../server/store/outputs.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, until } from "./raw.ts";

let server: TestServer;
let folder: string;
const opened: FastifyInstance[] = [];

beforeAll(async () => {
  server = await startServer();
  folder = mkdtempSync(join(tmpdir(), "escapement-dashboard-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>dashboard</title>");
  writeFileSync(join(folder, "assets", "main-1a2b3c.js"), "export {};");
});
afterAll(async () => {
  for (const app of opened) await app.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Another port on the same parts, with what differs. */
async function open(differs: Partial<HttpDeps> = {}): Promise<string> {
  const outputs = createOutputs(
    diskStore(server.config.dataDir),
    createOutputIndex(server.database.sql),
    server.channel,
  );
  const { config, database, catalog, channel, engine, tokens } = server;
  const parts = { config, database, catalog, channel, engine, tokens, outputs };
  const app = await createHttp({ ...parts, log: pino({ level: "silent" }), ...differs });
  opened.push(app);
  await app.listen({ host: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

const page = { accept: "text/html,application/xhtml+xml" };

test("every address of the dashboard is its one page, with headers that let nothing else run in it", async () => {
  const url = await open({ dashboardFolder: folder });
  for (const path of ["/", "/runs/123", "/jobs/nightly.report/edit", "/index.html"]) {
    const answer = await ask(url, "GET", path, { headers: page });
    expect([path, answer.status, answer.text]).toEqual([
      path,
      200,
      "<!doctype html><title>dashboard</title>",
    ]);
    expect(answer.headers["content-type"]).toMatch(/^text\/html/);
    expect(answer.headers["cache-control"]).toBe("no-cache");
    expect(answer.headers["x-content-type-options"]).toBe("nosniff");
    const policy = answer.headers["content-security-policy"];
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/script-src|unsafe-eval/);
  }
});

test("assets with a hash in their name are kept for good, and nothing outside the folder is served", async () => {
  const url = await open({ dashboardFolder: folder });
  const asset = await ask(url, "GET", "/assets/main-1a2b3c.js");
  expect([asset.text, asset.headers["cache-control"]]).toEqual([
    "export {};",
    "public, max-age=31536000, immutable",
  ]);
  const outside = [
    "/assets/absent.js",
    "/../package.json",
    "/assets/../../package.json",
    "/%2e%2e/package.json",
    "/assets/..%2f..%2fpackage.json",
    "/.git/config",
    "/assets/%00",
  ];
  for (const path of outside) {
    const answer = await ask(url, "GET", path);
    expect([path, answer.status < 500 && answer.status >= 400, answer.text.includes('escapement",')]).toEqual(
      [path, true, false],
    );
  }
  expect((await ask(url, "GET", "/absent")).status).toBe(404);
  expect((await ask(url, "POST", "/runs/1", { headers: page })).status).toBe(404);
  expect((await ask(url, "GET", "/v1/absent", { headers: page })).json()).toMatchObject({
    code: "not_found",
  });
});

test("a dashboard that is not built says so, and what to do", async () => {
  const url = await open({ dashboardFolder: join(folder, "absent") });
  const answer = await ask(url, "GET", "/", { headers: page });
  expect(answer.headers["content-type"]).toMatch(/^text\/plain/);
  expect(answer.text).toContain("npm start");
  expect((await ask(url, "GET", "/healthz")).status).toBe(200);
});

test("a server is ready while its database answers, and alive all the time", async () => {
  const refused = async () => {
    throw Object.assign(new Error("no"), { code: "ECONNREFUSED" });
  };
  const sql = Object.assign(refused, server.database.sql) as unknown as typeof server.database.sql;
  const url = await open({ database: { ...server.database, sql } });
  expect([(await ask(url, "GET", "/healthz")).status, (await ask(url, "GET", "/readyz")).status]).toEqual([
    200, 503,
  ]);
  expect((await ask(url, "GET", "/readyz")).text).toBe("not ready: the database is out of reach\n");
  const away = await ask(url, "GET", "/v1/runs/1");
  expect([away.status, away.json().code, away.headers["retry-after"]]).toEqual([503, "unavailable", "1"]);
  expect((await ask(server.url, "GET", "/readyz")).text).toBe("ready\n");
});

test("a surprise is masked as internal", async () => {
  const failing = async () => {
    throw new Error("secret detail");
  };
  const url = await open({ engine: { ...server.engine, renew: failing } });
  const answer = await ask(url, "POST", `/v1/leases/1-${"0".repeat(32)}/heartbeat`);
  expect([answer.status, answer.json().code]).toEqual([500, "internal"]);
  expect(answer.text).not.toContain("secret");
});

test("metrics count what happened, in Prometheus' format, with no name or id of anybody's", async () => {
  const api = client(server);
  await server.graphql(`mutation { createJob(input: { name: "secret-name", type: "x" }) { name } }`);
  const lease = await api.lease("secret-name");
  await api.start("secret-name", { delaySeconds: 60 });
  await api.start("secret-name");
  const { text, headers } = await ask(server.url, "GET", "/metrics");
  expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  const value = (name: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ")[1],
    );
  expect(value('escapement_runs{state="WAITING"}')).toBe(1);
  expect(value('escapement_runs{state="READY"}')).toBe(1);
  expect(value('escapement_runs{state="RUNNING"}')).toBe(1);
  expect(value("escapement_executors_online")).toBe(1);
  expect(value('escapement_http_requests_total{method="POST",route="/v1/runs",status="201"}')).toBe(3);
  expect(value("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  for (const line of text.trim().split("\n"))
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? -?[\d.e+-]+)$/);
  for (const hidden of ["secret-name", "tester", lease.run]) expect(text).not.toContain(hidden);
  await api.call("POST", `/v1/leases/${lease.id}/complete`);
});

test("closing takes seconds even when somebody never reads the answer or never ends the request", async () => {
  const url = await open();
  const { hostname, port } = new URL(url);
  const { connect } = await import("node:net");
  const slow = connect(Number(port), hostname);
  slow.on("error", () => {});
  slow.write(`POST /v1/runs HTTP/1.1\r\nhost: ${hostname}:${port}\r\ncontent-length: 100\r\n\r\n{`);
  const idle = connect(Number(port), hostname);
  idle.on("error", () => {});
  idle.write(`GET /healthz HTTP/1.1\r\nhost: ${hostname}:${port}\r\n\r\n`);
  await new Promise((resolve) => idle.once("data", resolve));
  const app = opened.pop();
  let closed = false;
  const closing = app?.close().then(() => {
    closed = true;
  });
  await until(() => closed, "it has closed");
  await closing;
  slow.destroy();
  idle.destroy();
});
