/** Tokens: what is stored of them, who they let in, and when they stop. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, type Database } from "../../server/store/connection.ts";
import { createTokens, type Tokens } from "../../server/store/tokens.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { until } from "./raw.ts";

const ADMIN = "an-administrator's-token";
let test_: TestDatabase;
let database: Database;
let tokens: Tokens;

beforeAll(async () => {
  test_ = await createTestDatabase();
  database = connect(test_.url, { poolSize: 3, deadlineMs: 5_000 });
  tokens = createTokens(database, { adminToken: ADMIN });
});
afterAll(async () => {
  await database.close();
  await test_.drop();
});

const bearer = (secret: string) => `Bearer ${secret}`;
const worker = { name: "worker", role: "WORKER", namespaceId: 1, groups: ["gpu"] } as const;

test("a token lets in whom it was made for, and only its hash is stored", async () => {
  const { id, secret } = await tokens.create({ ...worker, groups: ["gpu"] });
  expect(secret).toMatch(new RegExp(`^esc_${id}_[A-Za-z0-9_-]{43}$`));
  expect(await tokens.authenticate(bearer(secret))).toEqual({
    role: "WORKER",
    namespaceId: 1,
    groups: ["gpu"],
    tokenId: id,
    authentication: true,
  });
  const [row] = await database.sql`select * from escapement.token where id = ${id}`;
  expect(row?.hash).toEqual(createHash("sha256").update(secret).digest());
  expect(JSON.stringify(row)).not.toContain(secret.slice(-43));
});

test("the bootstrap administrator reaches every namespace", async () => {
  expect(await tokens.authenticate(bearer(ADMIN))).toMatchObject({ role: "ADMIN", namespaceId: null });
  expect(await tokens.authenticate(`bearer   ${ADMIN}`)).toMatchObject({ role: "ADMIN" });
});

test("everything else is refused in the same words", async () => {
  const { id, secret } = await tokens.create({ ...worker, groups: null });
  const wrong = [
    `esc_${id}_${"A".repeat(43)}`,
    `${secret}x`,
    secret.slice(0, -1),
    `esc_${"0".repeat(16)}_${"A".repeat(43)}`,
    `${ADMIN}x`,
    ADMIN.slice(1),
  ];
  const said = await Promise.all(
    wrong.map((token) => tokens.authenticate(bearer(token)).catch((error) => error)),
  );
  for (const error of said)
    expect(error).toMatchObject({ code: "UNAUTHENTICATED", message: said[0].message });
  for (const header of [undefined, "", secret, `Basic ${secret}`, "Bearer", `Bearer ${secret} ${secret}`]) {
    await expect(tokens.authenticate(header)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  }
});

test("a revoked token is over at once here, and an expired one when its time comes", async () => {
  const revoked = await tokens.create({ name: "a", role: "VIEWER", namespaceId: null });
  await tokens.authenticate(bearer(revoked.secret));
  const first = await tokens.revoke(revoked.id);
  expect(first.revokedAt).toBeInstanceOf(Date);
  await expect(tokens.authenticate(bearer(revoked.secret))).rejects.toMatchObject({
    code: "UNAUTHENTICATED",
  });
  expect((await tokens.revoke(revoked.id)).revokedAt).toEqual(first.revokedAt);
  await expect(tokens.revoke("nobody")).rejects.toMatchObject({ code: "NOT_FOUND", field: "id" });

  const expiresAt = new Date(Date.now() + 400);
  const short = await tokens.create({ name: "b", role: "VIEWER", namespaceId: null, expiresAt });
  await tokens.authenticate(bearer(short.secret));
  await until(
    () =>
      tokens.authenticate(bearer(short.secret)).then(
        () => false,
        () => true,
      ),
    "the token has expired although it is remembered",
  );
});

test("a revocation on another server is heard of within the time that a token is trusted", async () => {
  const other = createTokens(database, { adminToken: ADMIN });
  const { id, secret } = await other.create({ name: "c", role: "ADMIN", namespaceId: 1 });
  await tokens.authenticate(bearer(secret));
  await other.revoke(id);
  const trustedUntil = performance.now() + 30_000;
  await until(
    () =>
      tokens.authenticate(bearer(secret)).then(
        () => false,
        () => true,
      ),
    "the revoked token is refused",
  );
  expect(performance.now()).toBeLessThan(trustedUntil);
});

test("use is noted, not more than once a minute", async () => {
  const { id, secret } = await tokens.create({ name: "d", role: "ADMIN", namespaceId: 1 });
  await tokens.authenticate(bearer(secret));
  const used = await until(async () => (await tokens.find(id))?.lastUsedAt, "the use is noted");
  await tokens.authenticate(bearer(secret));
  await tokens.authenticate(bearer(secret));
  expect((await tokens.find(id))?.lastUsedAt).toEqual(used);
});

test("tokens are listed by namespace, and nonsense is not made", async () => {
  const own = await tokens.create({ name: "e", role: "ADMIN", namespaceId: 1 });
  const all = await tokens.create({ name: "f", role: "ADMIN", namespaceId: null });
  const ids = async (namespaceId: number | null) => (await tokens.list(namespaceId)).map(({ id }) => id);
  expect(await ids(1)).toContain(own.id);
  expect(await ids(1)).not.toContain(all.id);
  expect(await ids(null)).toEqual(expect.arrayContaining([own.id, all.id]));
  const nonsense = [
    [{ name: "x", role: "VIEWER", namespaceId: 1, groups: ["a"] }, "groups"],
    [{ name: "x", role: "WORKER", namespaceId: 1, groups: [] }, "groups"],
    [{ name: "x", role: "WORKER", namespaceId: 1, groups: ["a", "b c"] }, "groups[1]"],
    [{ name: "has blanks", role: "VIEWER", namespaceId: 1 }, "name"],
    [{ name: "x", role: "VIEWER", namespaceId: 1, expiresAt: new Date(0) }, "expiresAt"],
  ] as const;
  for (const [spec, field] of nonsense) {
    await expect(tokens.create(spec as never)).rejects.toMatchObject({ code: "BAD_INPUT", field });
  }
});

test("without an administrator's token nobody needs one", async () => {
  const open = createTokens(database, { adminToken: undefined });
  expect(open.required).toBe(false);
  expect(await open.authenticate(undefined)).toMatchObject({ role: "ADMIN", authentication: false });
});
