/** The http task against a real server on loopback. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cancelled, DoNotRetry, RetryAfter } from "../../worker/index.ts";
import { http } from "../../worker/tasks/http.ts";
import { contextFor } from "./context.ts";

type Route = (request: IncomingMessage, response: ServerResponse) => unknown;

const routes: Record<string, Route> = {
  "/echo": async (request, response) => {
    const { method, headers } = request;
    json(response, 200, { method, headers, body: await text(request) });
  },
  "/text": (_, response) => response.setHeader("x-secret", "1").setHeader("etag", '"a"').end("plain"),
  "/empty": (_, response) => response.writeHead(204).end(),
  "/large": (_, response) => response.end("x".repeat(100_000)),
  "/binary": (_, response) => response.end(Buffer.from([0xff, 0x00, 0xfe])),
  "/silent": () => undefined,
  "/endless": (_, response) => {
    const write = () => response.write("x".repeat(65_536), (error) => error ?? write());
    write();
  },
  "/404": (_, response) => response.writeHead(404).end("no such thing"),
  "/500": (_, response) => response.writeHead(500).end("oh no"),
  "/408": (_, response) => response.writeHead(408).end(),
  "/429": (_, response) => response.writeHead(429, { "retry-after": "17" }).end(),
  "/503": (_, response) => {
    response.writeHead(503, { "retry-after": new Date(Date.now() + 60_000).toUTCString() }).end();
  },
  "/loop": (_, response) => {
    hops++;
    response.writeHead(302, { location: "/loop" }).end();
  },
  "/once": (_, response) => response.writeHead(302, { location: "/echo" }).end(),
  "/keep": (_, response) => response.writeHead(307, { location: "/echo" }).end(),
  "/inside": (_, response) => response.writeHead(302, { location: "http://169.254.169.254/latest" }).end(),
  "/file": (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end(),
};

let hops = 0;
let server: Server;
let other: Server;
const base = () => urlOf(server);
const run = http({ allow: ["127.0.0.1"], maxResponseBytes: 1_000_000 });

beforeAll(async () => {
  server = await listen((request, response) => {
    const route = routes[request.url?.split("?")[0] ?? ""];
    if (route === undefined) json(response, 404, {});
    else void route(request, response);
  });
  other = await listen((request, response) => json(response, 200, request.headers));
  routes["/elsewhere"] = (_, response) => response.writeHead(302, { location: `${urlOf(other)}/` }).end();
});

afterAll(() => {
  for (const each of [server, other]) {
    each.closeAllConnections();
    each.close();
  }
});

describe("the http task", () => {
  test("sends what the input says and returns the answer", async () => {
    const output = await run(
      { url: `${base()}/echo`, method: "put", headers: { "X-A": "b" }, body: "hi" },
      contextFor(),
    );
    expect(output).toMatchObject({
      status: 200,
      headers: { "content-type": "application/json" },
      body: { method: "PUT", body: "hi", headers: { "x-a": "b", "x-fence": "7", "idempotency-key": "4711" } },
    });
  });

  test("posts JSON unless told otherwise", async () => {
    const output = await run({ url: `${base()}/echo`, json: { a: [1] } }, contextFor());
    expect(output).toMatchObject({
      body: { method: "POST", body: '{"a":[1]}', headers: { "content-type": "application/json" } },
    });
  });

  test("reports chosen headers only", async () => {
    const output = await run({ url: `${base()}/text` }, contextFor());
    expect(output).toMatchObject({ body: "plain", headers: { etag: '"a"' } });
    expect(output).not.toHaveProperty("headers.x-secret");
  });

  test("has no body where there is none", async () => {
    const output = await run({ url: `${base()}/empty` }, contextFor());
    expect(output).not.toHaveProperty("body");
  });

  test.each(["/large", "/binary"])("stores the answer of %s as an output file", async (path) => {
    const context = contextFor();
    const output = await run({ url: base() + path }, context);
    expect(output).toMatchObject({ status: 200, file: "response" });
    expect(context.files.get("response")?.length).toBe(path === "/large" ? 100_000 : 3);
  });

  test("refuses an answer that is too long", async () => {
    await expect(run({ url: `${base()}/endless` }, contextFor())).rejects.toThrow(
      "longer than the 1000000 bytes",
    );
  });

  test("gives up on an answer that does not come", async () => {
    const failing = run({ url: `${base()}/silent`, timeoutSeconds: 0.1 }, contextFor());
    await expect(failing).rejects.toThrow("No complete answer within 0.1 s.");
    await expect(failing).rejects.not.toBeInstanceOf(DoNotRetry);
  });

  test("stops when the run is cancelled", async () => {
    const context = contextFor();
    const reached = new Promise<void>((resolve) => {
      routes["/held"] = () => resolve();
    });
    const running = run({ url: `${base()}/held` }, context);
    await reached;
    context.stop(new Cancelled());
    await expect(running).rejects.toBeInstanceOf(Cancelled);
  });
});

describe("statuses", () => {
  test("a refused request is not tried again", async () => {
    const failing = run({ url: `${base()}/404` }, contextFor());
    await expect(failing).rejects.toThrow(/GET .*\/404 answered 404: no such thing/);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });

  test.each(["/500", "/408"])("%s may pass and is left to the retry policy", async (path) => {
    const error: unknown = await Promise.resolve(run({ url: base() + path }, contextFor())).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(DoNotRetry);
    expect(error).not.toBeInstanceOf(RetryAfter);
  });

  test("429 and 503 are tried again when the server says", async () => {
    const error: unknown = await Promise.resolve(run({ url: `${base()}/429` }, contextFor())).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ name: "RetryAfter", seconds: 17 });
    const dated: unknown = await Promise.resolve(run({ url: `${base()}/503` }, contextFor())).catch(
      (e: unknown) => e,
    );
    expect(dated).toBeInstanceOf(RetryAfter);
    if (dated instanceof RetryAfter) expect(dated.seconds).toBeGreaterThan(50);
  });

  test("what counts as success can be said", async () => {
    expect(await run({ url: `${base()}/404`, expectStatus: [404, 410] }, contextFor())).toMatchObject({
      status: 404,
    });
    await expect(run({ url: `${base()}/text`, expectStatus: 201 }, contextFor())).rejects.toThrow(
      "answered 200",
    );
  });
});

test("what a success has in its body can be said", async () => {
  const url = `${base()}/text`;
  expect(
    await run({ url, expectBody: { contains: "lai", notContains: "fancy" } }, contextFor()),
  ).toMatchObject({
    body: "plain",
  });
  const without = run({ url, expectBody: { contains: "fancy" } }, contextFor());
  await expect(without).rejects.toThrow(/GET .*\/text does not contain "fancy"/);
  await expect(without).rejects.not.toBeInstanceOf(DoNotRetry);
  await expect(run({ url, expectBody: { notContains: "plain" } }, contextFor())).rejects.toThrow(
    'contains "plain"',
  );
});

describe("redirects", () => {
  test("are followed, a redirected POST as a GET", async () => {
    const output = await run({ url: `${base()}/once`, body: "x" }, contextFor());
    expect(output).toMatchObject({ body: { method: "GET", body: "" } });
  });

  test("keep method and body where the server says so", async () => {
    const output = await run({ url: `${base()}/keep`, body: "x" }, contextFor());
    expect(output).toMatchObject({ body: { method: "POST", body: "x" } });
  });

  test("end after three hops", async () => {
    hops = 0;
    await expect(run({ url: `${base()}/loop` }, contextFor())).rejects.toThrow("More than 3 redirects");
    expect(hops).toBe(4);
  });

  test("are an answer like others when they are not to be followed", async () => {
    const output = await run(
      { url: `${base()}/loop`, followRedirects: false, expectStatus: 302 },
      contextFor(),
    );
    expect(output).toMatchObject({ status: 302, headers: { location: "/loop" } });
  });

  test("do not carry credentials to another origin", async () => {
    const headers = { authorization: "Bearer x", cookie: "a=b", "x-kept": "1" };
    const output = await run({ url: `${base()}/elsewhere`, headers }, contextFor());
    expect(output).toMatchObject({ body: { "x-kept": "1" } });
    expect(output).not.toHaveProperty("body.authorization");
    expect(output).not.toHaveProperty("body.cookie");
  });

  test.each([
    ["/inside", "169.254.169.254 is not a public address"],
    ["/file", "must be an http or https URL"],
  ])("to %s are refused", async (path, message) => {
    const failing = run({ url: base() + path }, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });
});

describe("addresses", () => {
  const guarded = http();

  test.each([
    "http://127.0.0.1:1/",
    "http://localhost:1/",
    "http://[::1]:1/",
    "http://2130706433:1/",
    "http://0x7f.1:1/",
    "http://017700000001:1/",
    "http://[::ffff:127.0.0.1]:1/",
    "http://0.0.0.0:1/",
    "http://169.254.169.254/",
  ])("%s is refused where the operator allowed nothing", async (url) => {
    const failing = guarded({ url }, contextFor());
    await expect(failing).rejects.toThrow("is not a public address");
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });
});

describe("input", () => {
  test.each([
    [{ url: "ftp://example.com" }, "input.url must be an http or https URL"],
    [{ url: "not a url" }, "input.url must be a URL"],
    [{ url: "http://a:b@example.com" }, "must not carry a user name"],
    [{ url: "http://example.com", method: "BREW" }, "input.method must be one of"],
    [{ url: "http://example.com", headers: { Host: "b" } }, "must not set Host"],
    [{ url: "http://example.com", headers: { "Proxy-X": "b" } }, "must not set Proxy-X"],
    [{ url: "http://example.com", body: "a", json: 1 }, "not both"],
    [{ url: "http://example.com", body: 1 }, "input.body must be a string"],
    [{ url: "http://example.com", timeoutSeconds: 0 }, "input.timeoutSeconds must be a number"],
    [{ url: "http://example.com", expectStatus: "200" }, "input.expectStatus must be a number"],
    [{ uri: "http://example.com" }, 'has no member "uri"'],
  ])("%j is refused for good", async (input, message) => {
    const failing = run(input, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });
});

function listen(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  return new Promise((resolve) => {
    const started = createServer(handler).listen(0, "127.0.0.1", () => resolve(started));
  });
}

function urlOf(listening: Server): string {
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
