/** Secrets over GraphQL: set, listed without their values, deleted, encrypted anew, and who may do what. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { rotateSecrets } from "../../server/store/secret-rotation.ts";
import { readSecrets, setSecret } from "../../server/store/secrets.ts";
import { newKey, ref } from "../support/secrets.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, type Data, get, refused, type Target } from "./client.ts";

const ADMIN = "the-administrators-own-token";
const [oldKey, freshKey] = [newKey(), newKey()];
let server: TestServer;
let admin: Target;
/** Tokens of the namespace "team". */
const team: Record<string, Target & { id: string }> = {};

beforeAll(async () => {
  server = await startServer({ config: { secretKeys: [oldKey], adminToken: ADMIN } });
  admin = { url: server.url, token: ADMIN };
  await get(admin, `mutation { createNamespace(input: { name: "team" }) { id } }`);
  for (const role of ["VIEWER", "OPERATOR", "ADMIN"]) {
    const { createToken } = await get(
      admin,
      "mutation ($input: TokenInput!) { createToken(input: $input) { secret token { id } } }",
      { input: { name: role, role, namespace: "team" } },
    );
    team[role] = { url: server.url, token: createToken.secret, id: createToken.token.id };
  }
});
afterAll(() => server.close());

const SET = `mutation ($namespace: String, $name: String!, $value: String!, $description: String) {
  setSecret(namespace: $namespace, name: $name, value: $value, description: $description) {
    id namespace name description version createdAt updatedAt updatedBy
  } }`;
const DELETE =
  "mutation ($namespace: String, $name: String!) { deleteSecret(namespace: $namespace, name: $name) }";
const LIST = `query ($namespace: String, $search: String, $first: Int, $after: String) {
  secrets(namespace: $namespace, search: $search, first: $first, after: $after) {
    nodes { namespace name description version updatedBy } pageInfo { hasNextPage endCursor } } }`;
const ROTATE = `mutation ($namespace: String) {
  rotateSecrets(namespace: $namespace) { rotated left unreadable { namespace name reason } } }`;

const set = async (variables: Data, target: Target = admin) => (await get(target, SET, variables)).setSecret;
const list = async (variables: Data = {}, target: Target = admin) =>
  (await get(target, LIST, variables)).secrets;
const namesOf = ({ nodes }: Data) => nodes.map(({ name }: Data) => name);
const keyIds = async () =>
  new Map(
    (
      await server.database.sql<{ name: string; keyId: string }[]>`
        select name, key_id as "keyId" from escapement.secret`
    ).map(({ name, keyId }) => [name, keyId]),
  );
async function valueIn(name: string, keys = [oldKey, freshKey], namespace = "default") {
  const namespaceId = await server.catalog.namespaceId(namespace);
  return (await readSecrets(server.database.sql, keys, [{ namespaceId, namespace, name }]))[0];
}

test("a secret is set, set anew, shown without its value, and deleted", async () => {
  const first = await set({ name: "api/key", value: "one", description: "of the shop" });
  expect(first).toMatchObject({
    namespace: "default",
    name: "api/key",
    description: "of the shop",
    version: 1,
    updatedBy: "administrator",
  });
  const second = await set({ name: "api/key", value: "two" });
  expect(second).toMatchObject({
    id: first.id,
    description: "of the shop",
    version: 2,
    createdAt: first.createdAt,
  });
  expect(Date.parse(second.updatedAt)).toBeGreaterThanOrEqual(Date.parse(first.updatedAt));
  expect(await set({ name: "api/key", value: "three", description: null })).toMatchObject({
    description: null,
    version: 3,
  });
  expect(await valueIn("api/key")).toEqual({ text: "three" });
  const { data } = await ask(admin, `{ __type(name: "Secret") { fields { name } } }`);
  expect(data?.__type.fields.map(({ name }: Data) => name).sort()).toEqual(
    ["createdAt", "description", "id", "name", "namespace", "updatedAt", "updatedBy", "version"].sort(),
  );
  expect(await get(admin, DELETE, { name: "api/key" })).toEqual({ deleteSecret: true });
  expect(await refused(admin, DELETE, { name: "api/key" })).toMatchObject({
    message: 'there is no secret "api/key"',
    extensions: { code: "NOT_FOUND", field: "name" },
  });
});

test("lists go by name, page by page, with a search", async () => {
  for (const name of ["l.b", "l.a", "l.c", "other"]) await set({ name, value: "v" });
  const first = await list({ search: "L.", first: 2 });
  expect(namesOf(first)).toEqual(["l.a", "l.b"]);
  expect(first.pageInfo.hasNextPage).toBe(true);
  const rest = await list({ search: "L.", first: 2, after: first.pageInfo.endCursor });
  expect(namesOf(rest)).toEqual(["l.c"]);
  expect(rest.pageInfo.hasNextPage).toBe(false);
});

test.each<[string, Data, string, string]>([
  ["an empty value", { value: "" }, "BAD_INPUT", "value"],
  ["U+0000", { value: "a\0b" }, "BAD_INPUT", "value"],
  ["half a character", { value: "a\ud800b" }, "BAD_INPUT", "value"],
  ["a value that is too large", { value: "é".repeat(LIMITS.secretBytes / 2 + 1) }, "LIMIT_EXCEEDED", "value"],
  ["a name with blanks", { name: "a b" }, "BAD_INPUT", "name"],
  ["a name that would end its reference", { name: "a}" }, "BAD_INPUT", "name"],
  ["a long description", { description: "x".repeat(2_001) }, "LIMIT_EXCEEDED", "description"],
  ["an unknown namespace", { namespace: "nowhere" }, "NOT_FOUND", "namespace"],
])("%s is refused", async (_, input, code, field) => {
  const { extensions } = await refused(admin, SET, { name: "refused", value: "v", ...input });
  expect(extensions).toEqual({ code, field });
  expect(namesOf(await list({ search: "refused" }))).toEqual([]);
});

test("the largest value there may be is kept whole", async () => {
  const value = "é".repeat(LIMITS.secretBytes / 2);
  await set({ name: "largest", value });
  expect(await valueIn("largest")).toEqual({ text: value });
});

test("a namespace has so many secrets, and one that is there can still be set", async () => {
  const { sql } = server.database;
  await sql`
    insert into escapement.secret (namespace_id, name, cipher, key_id, updated_by)
    select n.id, 'filler' || i, '', 'none', 'test'
    from escapement.namespace n, generate_series(1, ${LIMITS.secretsPerNamespace}::int) i where n.name = 'team'`;
  expect(await refused(admin, SET, { namespace: "team", name: "one-more", value: "v" })).toMatchObject({
    message: expect.stringContaining("5000 secrets"),
    extensions: { code: "LIMIT_EXCEEDED", field: "name" },
  });
  expect(await set({ namespace: "team", name: "filler1", value: "v" })).toMatchObject({ version: 2 });
  await sql`delete from escapement.secret where name like 'filler%'`;
});

test("administrators set and delete, viewers see the names, and each only in its namespace", async () => {
  const namespace = "team";
  expect(await set({ namespace, name: "ours", value: "v" }, team.ADMIN)).toMatchObject({
    updatedBy: team.ADMIN?.id,
  });
  for (const role of ["VIEWER", "OPERATOR"]) {
    const caller = team[role] as Target;
    for (const [query, variables] of [
      [SET, { namespace, name: "ours", value: "w" }],
      [DELETE, { namespace, name: "ours" }],
      [ROTATE, { namespace }],
    ] as const) {
      expect((await refused(caller, query, variables)).extensions.code).toBe("FORBIDDEN");
    }
    expect(namesOf(await list({}, caller))).toEqual(["ours"]);
  }
  const foreign = { code: "NOT_FOUND", field: "namespace" };
  const own = team.ADMIN as Target;
  expect((await refused(own, SET, { name: "theirs", value: "v" })).extensions).toEqual(foreign);
  expect((await refused(own, DELETE, { name: "largest" })).extensions).toEqual(foreign);
  expect((await refused(own, ROTATE, { namespace: "default" })).extensions).toEqual(foreign);
  expect((await refused(own, LIST, { namespace: "default" })).extensions).toEqual(foreign);
});

test("rotation encrypts with the first key, skips what it cannot open, and changes nothing else", async () => {
  const { sql } = server.database;
  await sql`delete from escapement.secret`;
  await set({ name: "A", value: "value of A" });
  await set({ name: "B", value: "value of B" });
  await set({ namespace: "team", name: "C", value: "value of C" });
  const lost = newKey();
  const place = { namespaceId: 1, namespace: "default", name: "LOST" };
  await setSecret(sql, [lost], place, { value: "v", by: "test" });
  const before = await list();
  const next = await startServer({
    databaseUrl: server.databaseUrl,
    config: { secretKeys: [freshKey, oldKey], adminToken: ADMIN },
  });
  try {
    const target = { url: next.url, token: ADMIN };
    const reason = expect.stringContaining(`encrypted with the key ${lost.id}`);
    const unreadable = [{ namespace: "default", name: "LOST", reason }];
    expect((await get(target, ROTATE, { namespace: "default" })).rotateSecrets).toEqual({
      rotated: 2,
      left: 0,
      unreadable,
    });
    expect(await keyIds()).toEqual(
      new Map([
        ["A", freshKey.id],
        ["B", freshKey.id],
        ["C", oldKey.id],
        ["LOST", lost.id],
      ]),
    );
    // Unset: all.
    expect((await get(target, ROTATE)).rotateSecrets).toEqual({ rotated: 1, left: 0, unreadable });
    expect(await list({}, target)).toEqual(before);
  } finally {
    await next.close();
  }
  expect(await valueIn("A", [freshKey])).toEqual({ text: "value of A" });
  expect(await valueIn("C", [freshKey], "team")).toEqual({ text: "value of C" });
  expect(await valueIn("A", [oldKey])).toHaveProperty("fault");
});

test("rotation does more than a batch, and says what is left for another call", async () => {
  const { sql } = server.database;
  await sql`delete from escapement.secret`;
  const [key, other] = [newKey(), newKey()];
  const places = ["n000400", "n000900"].map((name) => ({ namespaceId: 1, namespace: "default", name }));
  for (const place of places) await setSecret(sql, [other], place, { value: place.name, by: "test" });
  // Nothing opens the others: they stay, and have to be looked past.
  await sql`
    insert into escapement.secret (namespace_id, name, cipher, key_id, updated_by)
    select 1, 'n' || lpad(i::text, 6, '0'), '', 'none', 'test'
    from generate_series(1, ${LIMITS.secretsPerRotation + 1}::int) i on conflict do nothing`;
  const done = await rotateSecrets(sql, [key, other], 1);
  expect(done).toMatchObject({ rotated: 2, left: 1 });
  expect(done.unreadable).toHaveLength(100);
  expect(await readSecrets(sql, [key], places)).toEqual([{ text: "n000400" }, { text: "n000900" }]);
  await sql`delete from escapement.secret`;
});

test("a secret that is set while a rotation goes on keeps its new value", async () => {
  const { sql } = server.database;
  await set({ name: "RACED", value: "old" });
  const racing = new Proxy(sql, {
    apply(target, self, [strings, ...values]) {
      const sent = () => Reflect.apply(target as never, self, [strings, ...values]);
      if (!String(strings).includes("update escapement.secret")) return sent();
      // Between what the rotation has read and what it writes; deleted and set again, it has the same version.
      return get(admin, DELETE, { name: "RACED" })
        .then(() => set({ name: "RACED", value: "new" }))
        .then(sent);
    },
  });
  expect(await rotateSecrets(racing, [freshKey, oldKey], 1)).toMatchObject({ rotated: 0 });
  expect(await valueIn("RACED")).toEqual({ text: "new" });
});

test("a server without a key refuses to set and to rotate, and still shows names", async () => {
  const keyless = await startServer({ databaseUrl: server.databaseUrl, config: { adminToken: ADMIN } });
  try {
    const target = { url: keyless.url, token: ADMIN };
    await set({ name: "SEEN", value: "v" });
    for (const [query, variables] of [
      [SET, { name: "NEW", value: "v" }],
      [ROTATE, {}],
    ] as const) {
      expect(await refused(target, query, variables)).toMatchObject({
        message: expect.stringContaining("`openssl rand -base64 32`"),
        extensions: { code: "ILLEGAL_STATE" },
      });
    }
    expect(namesOf(await list({}, target))).toContain("SEEN");
    await get(target, `mutation { createJob(input: { name: "job", type: "t" }) { id } }`);
    const { startRun } = await get(
      target,
      'mutation ($input: JSON) { startRun(input: { job: "job", input: $input }) { id } }',
      {
        input: ref("SEEN"),
      },
    );
    const claim = await fetch(`${keyless.url}/v1/leases`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN}` },
      body: JSON.stringify({ executor: "e", waitSeconds: 0 }),
    });
    expect(await claim.json()).toEqual({ leases: [] });
    const { run } = await get(target, "query ($id: ID!) { run(id: $id) { state error { type message } } }", {
      id: startRun.id,
    });
    expect(run).toMatchObject({
      state: "FAILED",
      error: { type: "SecretMissing", message: expect.stringContaining(`the key ${oldKey.id}`) },
    });
    expect(await get(target, DELETE, { name: "SEEN" })).toEqual({ deleteSecret: true });
  } finally {
    await keyless.close();
  }
});
