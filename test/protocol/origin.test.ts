/** No web page drives a server: which Hosts and origins are answered, on every path and for WebSockets. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Arrival, type OriginRules, refusal } from "../../server/http/origin.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask } from "./raw.ts";

const loopback: OriginRules = { host: "127.0.0.1", allowedHosts: [], authentication: false };
const named: OriginRules = { ...loopback, allowedHosts: ["Jobs.Example.com", "tunnel:9000"] };
const everywhere: OriginRules = { host: "0.0.0.0", allowedHosts: [], authentication: true };
const oneAddress: OriginRules = { host: "10.0.0.5", allowedHosts: [], authentication: true };

const arrival = (headers: Arrival["headers"], rest: Partial<Arrival> = {}): Arrival => ({
  method: "GET",
  url: "/v1/runs/1",
  localAddress: "::ffff:10.0.0.5",
  localPort: 4400,
  headers: { host: "localhost:4400", ...headers },
  ...rest,
});

const HOSTS: [host: string | undefined, rules: OriginRules, answered: boolean][] = [
  ["127.0.0.1:4400", loopback, true],
  ["localhost:4400", loopback, true],
  ["LOCALHOST:4400", loopback, true],
  ["[::1]:4400", loopback, true],
  ["127.8.8.8:4400", loopback, true],
  ["127.0.0.1", loopback, false],
  ["127.0.0.1:4401", loopback, false],
  ["evil.example:4400", loopback, false],
  ["127.0.0.1.evil.example:4400", loopback, false],
  ["localhost.evil.example:4400", loopback, false],
  ["127.0.0.1:4400@evil.example", loopback, false],
  ["evil.example:4400, 127.0.0.1:4400", loopback, false],
  ["10.0.0.5:4400", loopback, false],
  ["0.0.0.0:4400", loopback, false],
  ["", loopback, false],
  [undefined, loopback, false],
  ["jobs.example.com", named, true],
  ["jobs.example.com:8443", named, true],
  ["x.jobs.example.com", named, false],
  ["jobs.example.com.evil.example", named, false],
  ["tunnel:9000", named, true],
  ["tunnel:9001", named, false],
  ["localhost:4400", named, true],
  ["10.0.0.5:4400", everywhere, true],
  ["10.0.0.6:4400", everywhere, false],
  ["evil.example:4400", everywhere, false],
  ["10.0.0.5:4400", oneAddress, true],
  ["10.0.0.5:80", oneAddress, false],
  ["evil.example:4400", oneAddress, false],
  ["10.0.0.5:4400", { ...oneAddress, authentication: false }, false],
];
test.each(HOSTS)("Host %j under %j: answered is %s", (host, rules, answered) => {
  expect(refusal(arrival({ host }), rules) === null).toBe(answered);
});

const BROWSERS: [headers: Arrival["headers"], rest: Partial<Arrival>, answered: boolean][] = [
  [{}, {}, true],
  [{ origin: "http://localhost:4400" }, {}, true],
  [{ origin: "http://localhost:4400", "sec-fetch-site": "same-origin" }, { method: "POST" }, true],
  [{ "sec-fetch-site": "same-origin" }, {}, true],
  [{ "sec-fetch-site": "none" }, {}, true],
  [{ host: "127.0.0.1:4400", origin: "http://localhost:4400" }, {}, false],
  [{ origin: "http://localhost:3000" }, {}, false],
  [{ origin: "http://localhost" }, {}, false],
  [{ origin: "https://evil.example" }, {}, false],
  [{ origin: "http://evil.example:4400" }, {}, false],
  [{ origin: "http://localhost:4400.evil.example" }, {}, false],
  [{ origin: "http://localhost:4400@evil.example" }, {}, false],
  [{ origin: "null" }, {}, false],
  [{ origin: "" }, {}, false],
  [{ origin: "file://" }, {}, false],
  [{ origin: "chrome-extension://localhost:4400" }, {}, false],
  [{ origin: "http://localhost:4400", "sec-fetch-site": "cross-site" }, {}, false],
  [{ "sec-fetch-site": "cross-site" }, {}, false],
  [{ "sec-fetch-site": "same-site" }, {}, false],
  [
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script" },
    { url: "/" },
    false,
  ],
];
test.each(BROWSERS)("a browser with %j %j: answered is %s", (headers, rest, answered) => {
  expect(refusal(arrival(headers, rest), loopback) === null).toBe(answered);
});

const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
test("a link in a mail opens a page of the dashboard, and nothing else", () => {
  const opens = (url: string, rest: Partial<Arrival> = {}, headers = {}) =>
    refusal(arrival({ ...link, ...headers }, { url, ...rest }), loopback) === null;
  expect([opens("/"), opens("/runs/1?x=/v1/"), opens("/v1x"), opens("/graphqlish")]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  for (const url of [
    "/v1/runs/1",
    "/graphql",
    "/graphql?query=x",
    "/graphql/",
    "/metrics",
    "/healthz",
    "/v1",
  ]) {
    expect([url, opens(url)]).toEqual([url, false]);
  }
  expect(opens("/", { method: "POST" })).toBe(false);
  expect(opens("/", {}, { origin: "https://evil.example" })).toBe(false);
  expect(opens("/", {}, { "sec-fetch-dest": "iframe" })).toBe(false);
});

test("behind a proxy that speaks TLS the origin is https and the port its own", () => {
  const at = (host: string, origin: string) => refusal(arrival({ host, origin }), named) === null;
  expect(at("jobs.example.com", "https://jobs.example.com")).toBe(true);
  expect(at("jobs.example.com:443", "https://jobs.example.com")).toBe(true);
  expect(at("jobs.example.com", "https://jobs.example.com:8443")).toBe(false);
});

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const PATHS = [
  "/",
  "/healthz",
  "/readyz",
  "/metrics",
  "/graphql",
  "/v1/openapi.json",
  "/v1/leases",
  "/nowhere",
  "/assets/x.js",
];
test.each(PATHS)("%s refuses other Hosts and other origins, by any method", async (path) => {
  for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"]) {
    for (const headers of [
      { host: "evil.example" },
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site" },
    ]) {
      const answer = await ask(server.url, method, path, { headers: headers as Record<string, string> });
      expect([method, headers, answer.status]).toEqual([method, headers, 403]);
      expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    }
  }
});

test("a refused request changes nothing, whatever it says", async () => {
  await server.graphql(`mutation { createJob(input: { name: "hello", type: "x" }) { name } }`);
  const body = { runs: [{ job: "hello" }] };
  const refused = await ask(server.url, "POST", "/v1/runs", {
    headers: { origin: "https://evil.example" },
    body,
  });
  expect(refused.json()).toMatchObject({ status: 403, code: "forbidden" });
  expect((await server.database.sql`select count(*)::int as n from escapement.run`)[0]?.n).toBe(0);
  const own = await ask(server.url, "POST", "/v1/runs", { headers: { origin: server.url }, body });
  expect(own.status).toBe(201);
});

/** The first line of what the server answers to an upgrade. */
async function upgrade(path: string, headers: Record<string, string>): Promise<string> {
  const { hostname, port, host } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const all = {
    host,
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-protocol": "graphql-transport-ws",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  const [first] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return first.toString().split("\r\n")[0] ?? "";
}

test("WebSockets pass the same check", async () => {
  expect(await upgrade("/graphql", {})).toContain("101");
  expect(await upgrade("/graphql", { origin: server.url })).toContain("101");
  expect(await upgrade("/graphql", { origin: "https://evil.example" })).toContain("403");
  expect(await upgrade("/graphql", { origin: "null" })).toContain("403");
  expect(await upgrade("/graphql", { host: "evil.example" })).toContain("403");
  expect(await upgrade("/v1/leases", {})).toContain("404");
});
