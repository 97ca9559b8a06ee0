/** A database that is away: clients are told to come back, nothing breaks, and all is well when it is back. */
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, get, type Listener, listen } from "./client.ts";

/** A way to the database that can be cut. */
async function openWay(databaseUrl: string) {
  const { hostname, port: databasePort } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const server: Server = createServer((inward) => {
    const outward = dial(Number(databasePort), hostname);
    for (const [from, to] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  const listening = (port: number) =>
    new Promise<number>((resolve) => {
      server.listen(port, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
  const port = await listening(0);
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    restore: () => listening(port),
    async cut() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

let database: TestDatabase;
let way: Awaited<ReturnType<typeof openWay>>;
let server: TestServer;
let listener: Listener;

beforeAll(async () => {
  database = await createTestDatabase();
  way = await openWay(database.url);
  server = await startServer({ databaseUrl: way.url });
  await get(server, `mutation { createJob(input: { name: "job", type: "t" }) { id } }`);
  listener = await listen(server, `subscription { runChanged(job: "job") { id } }`);
});
afterAll(async () => {
  await listener.stop();
  await server.close();
  await way.cut();
  await database.drop();
});

test("while the database is away every answer says so, and afterwards all goes on", {
  timeout: 60_000,
}, async () => {
  const read = "{ jobs { nodes { name } } }";
  const start = `mutation { startRun(input: { job: "job" }) { id } }`;
  await way.cut();
  for (const query of [read, start, read, start]) {
    const { status, errors } = await ask(server, query);
    expect(status).toBeLessThan(500);
    expect(errors?.[0]?.extensions).toEqual({ code: "UNAVAILABLE" });
    expect(errors?.[0]?.message).toContain("retry");
  }
  await way.restore();
  await expect.poll(async () => (await ask(server, read)).errors, { timeout: 20_000 }).toBeUndefined();
  const { startRun } = await get(server, start);
  // The subscription has outlived it. What happened meanwhile is read again once notifications are back.
  for (let { runChanged } = await listener.next(); runChanged.id !== startRun.id; ) {
    ({ runChanged } = await listener.next());
  }
});
