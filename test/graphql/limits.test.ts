/** Limits of a document: each names itself and says what to do; none stops what people really ask. */
import { getIntrospectionQuery } from "graphql";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, get, listenSse, refused } from "./client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const nested = (levels: number): string => (levels === 0 ? "{ id }" : `{ parent ${nested(levels - 1)} }`);

test.each([
  ["deeper", `{ run(id: "1") ${nested(LIMITS.graphqlDepth)} }`, "levels deep"],
  [
    "larger pages inside pages",
    "{ jobs(first: 200) { nodes { runs(first: 200) { nodes { id } } } } }",
    "smaller pages",
  ],
  [
    "more aliases",
    `{ ${Array.from({ length: LIMITS.graphqlAliases + 1 }, (_, n) => `a${n}: viewer { role }`).join(" ")} }`,
    "aliases",
  ],
  [
    "more aliases through a fragment",
    `{ ...F } fragment F on Query { ${Array.from({ length: LIMITS.graphqlAliases + 1 }, (_, n) => `a${n}: viewer { role }`).join(" ")} }`,
    "aliases",
  ],
  ["more tokens", `{ ${"viewer { role } ".repeat(LIMITS.graphqlTokens / 4 + 1)} }`, "tokens"],
  ["more text", `{ job(name: "${"x".repeat(200_000)}") { id } }`, "characters"],
])("a document with %s than allowed is refused", async (_what, query, words) => {
  const { message, extensions } = await refused(server, query);
  expect(extensions).toEqual({ code: "LIMIT_EXCEEDED" });
  expect(message).toContain(words);
});

test("just below its depth a document is answered", async () => {
  expect(await get(server, `{ run(id: "1") ${nested(LIMITS.graphqlDepth - 2)} }`)).toEqual({ run: null });
});

test("what tools and dashboards ask is within the limits", async () => {
  expect((await ask(server, getIntrospectionQuery())).errors).toBeUndefined();
  await get(
    server,
    `{
      runs(first: 200) {
        pageInfo { hasNextPage endCursor }
        nodes { id state priority tags late createdAt scheduledAt readyAt startedAt endedAt progress attempt
          job { id name } trigger { id name } executor { name } error { message } holds { kind until } }
      }
      jobs(first: 100) {
        nodes { id name type group tags priority version running nextFireAt lastRun { id state endedAt }
          triggers(first: 5) { nodes { name state nextFireAt } } }
      }
    }`,
  );
});

test("a fragment that contains itself is refused, not followed", async () => {
  const { errors } = await ask(server, '{ run(id: "1") { ...F } } fragment F on Run { parent { ...F } }');
  expect(errors?.[0]?.extensions.code).toBe("BAD_INPUT");
});

test("a subscription has the same limits", async () => {
  const listener = await listenSse(
    server,
    `subscription { jobChanged ${nested(0).replace("id", "runs(first: 200) { nodes { children(first: 200) { nodes { id } } } }")} }`,
  );
  await get(server, `mutation { createJob(input: { name: "seen", type: "t" }) { id } }`);
  expect(await listener.event()).toMatchObject({ errors: [{ extensions: { code: "LIMIT_EXCEEDED" } }] });
  await listener.stop();
});
