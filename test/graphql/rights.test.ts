/** Who may do what, derived from the schema: every role and every root field; and nobody past a token's namespace. */
import {
  type GraphQLArgument,
  type GraphQLInputType,
  GraphQLNonNull,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isScalarType,
} from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RULES } from "../../server/graphql/rules.ts";
import { schema } from "../../server/graphql/schema.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, type Data, get, listen, listenSse, type Target } from "./client.ts";

const ADMIN = "the-administrators-own-token";
const ROLES = ["VIEWER", "OPERATOR", "ADMIN", "WORKER"] as const;

let server: TestServer;
let admin: Target;
/** The administrator of "own". */
let own: Target;
/** Everything is tried in "matrix", deletions too; "own" and "foreign" stay whole. */
const NAMESPACES = ["own", "foreign", "matrix"] as const;
/** A caller of each role with a token for the namespace "matrix". */
const callers = {} as Record<(typeof ROLES)[number], Target>;
const ids = {} as Record<
  (typeof NAMESPACES)[number],
  Record<"job" | "trigger" | "executor" | "run" | "token", string>
>;

beforeAll(async () => {
  server = await startServer({ config: { adminToken: ADMIN } });
  admin = { url: server.url, token: ADMIN };
  for (const namespace of NAMESPACES) {
    const made = await get(
      admin,
      `mutation ($namespace: String!) {
        createNamespace(input: { name: $namespace }) { id }
        createJob(input: { namespace: $namespace, name: "job", type: "t" }) { id }
        createTrigger(input: { namespace: $namespace, name: "trigger", job: "job", paused: true,
          schedule: { fixedRate: { every: "PT1H" } } }) { id }
        startRun(input: { namespace: $namespace, job: "job" }) { id }
        createToken(input: { namespace: $namespace, name: "worker", role: WORKER }) { secret token { id } }
      }`,
      { namespace },
    );
    await fetch(`${server.url}/v1/executors/executor`, {
      method: "PUT",
      headers: { authorization: `Bearer ${made.createToken.secret}` },
      body: JSON.stringify({ groups: ["default"], types: ["t"], capacity: 1 }),
    });
    const { executors } = await get(
      admin,
      `query ($namespace: String) { executors(namespace: $namespace) { nodes { id } } }`,
      { namespace },
    );
    ids[namespace] = {
      job: made.createJob.id,
      trigger: made.createTrigger.id,
      run: made.startRun.id,
      token: made.createToken.token.id,
      executor: executors.nodes[0].id,
    };
  }
  for (const role of ROLES) callers[role] = { url: server.url, token: await tokenOf(role, "matrix") };
  own = { url: server.url, token: await tokenOf("ADMIN", "own") };
});
afterAll(() => server.close());

async function tokenOf(role: string, namespace: string | null): Promise<string> {
  const { createToken } = await get(
    admin,
    "mutation ($input: TokenInput!) { createToken(input: $input) { secret } }",
    { input: { name: `a-${role}`, role, namespace } },
  );
  return createToken.secret;
}

/** A value that the type accepts; names and ids are those of things that exist in the caller's own namespace. */
function exampleOf(type: GraphQLInputType, name: string): unknown {
  if (isNonNullType(type)) return exampleOf(type.ofType, name);
  if (isListType(type)) return [exampleOf(type.ofType, name)];
  // Some commands are nobody's.
  if (type.name === "RunCommand") return "SUSPEND";
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const given = type.isOneOf
      ? fields.filter(({ name: field }) => ["fixedRate", "off", "weekly", "namespace"].includes(field))
      : fields.filter((field) => isNonNullType(field.type) || ["namespace", "type"].includes(field.name));
    return Object.fromEntries(given.map((field) => [field.name, exampleOf(field.type, field.name)]));
  }
  if (name === "namespace") return "matrix";
  if (name === "id") return ids.matrix.run;
  if (name === "job") return "job";
  if (isScalarType(type) && type.name === "Duration") return "PT1H";
  return type.name === "Boolean" ? true : type.name === "Int" ? 1 : "job";
}

/** A document that asks for one root field with everything it needs. */
function operationOf(
  kind: "Query" | "Mutation" | "Subscription",
  name: string,
): { query: string; variables: Record<string, unknown> } {
  const field = (schema.getType(kind) as GraphQLObjectType).getFields()[name];
  if (!field) throw new Error(name);
  const needed = field.args.filter(
    (argument: GraphQLArgument) => argument.type instanceof GraphQLNonNull || argument.name === "namespace",
  );
  const declared = needed.map((argument) => `$${argument.name}: ${argument.type}`).join(", ");
  const passed = needed.map((argument) => `${argument.name}: $${argument.name}`).join(", ");
  const leaf = /^(Boolean|Int|String|DateTime|\[DateTime!\])!?$/.test(String(field.type));
  return {
    query: `${kind.toLowerCase()} ${declared ? `(${declared})` : ""} { ${name}${passed ? `(${passed})` : ""} ${leaf ? "" : "{ __typename }"} }`,
    variables: Object.fromEntries(
      needed.map((argument) => [argument.name, exampleOf(argument.type, argument.name)]),
    ),
  };
}

const MAY: Record<string, readonly string[]> = {
  read: ["VIEWER", "OPERATOR", "ADMIN"],
  operate: ["OPERATOR", "ADMIN"],
  administer: ["ADMIN"],
  administerAll: [],
};

const operations = (["Query", "Mutation"] as const).flatMap((kind) =>
  Object.entries(RULES[kind]).map(([name, right]) => [kind, name, right] as const),
);

describe.each(ROLES)("a token of the role %s", (role) => {
  test.each(operations)("%s.%s, which needs the right to %s", async (kind, name, right) => {
    const { query, variables } = operationOf(kind, name);
    const { errors } = await ask(callers[role], query, variables);
    const forbidden = errors?.some((error) => error.extensions.code === "FORBIDDEN") ?? false;
    expect({ name, role, forbidden }).toEqual({ name, role, forbidden: !MAY[right]?.includes(role) });
    for (const error of errors ?? []) expect(error.extensions.code).not.toBe("INTERNAL");
  });

  test.each(Object.keys(RULES.Subscription))("Subscription.%s", async (name) => {
    const { query, variables } = operationOf("Subscription", name);
    const opened = await listenSse(callers[role], query, variables).catch(() => null);
    if (role === "WORKER") expect(opened && (await opened.event().catch(() => null))).toBeNull();
    else {
      // What is allowed stays silent or sends data; a refusal would come at once.
      const first = await Promise.race([opened?.event(), new Promise((resolve) => setTimeout(resolve, 50))]);
      expect((first as Data | undefined)?.errors).toBeUndefined();
    }
    await opened?.stop();
  });
});

test("without a token nothing is answered, with one that is wrong neither", async () => {
  for (const token of [undefined, "esc_0123456789abcdef_nothing", "x"]) {
    const answer = await ask({ url: server.url, token }, "{ viewer { role } }");
    expect(answer).toMatchObject({ status: 401, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
  }
  const worker = await ask(callers.WORKER, "{ __typename }");
  expect(worker).toMatchObject({ status: 403, errors: [{ extensions: { code: "FORBIDDEN" } }] });
  await expect(listen({ url: server.url }, "subscription { runChanged { id } }")).rejects.toBeTruthy();
  const page = await fetch(`${server.url}/graphql`, { headers: { accept: "text/html" } });
  expect(page.status).toBe(200);
});

test("a viewer is told who it is", async () => {
  expect((await get(callers.VIEWER, "{ viewer { role namespace authentication } }")).viewer).toEqual({
    role: "VIEWER",
    namespace: "matrix",
    authentication: true,
  });
});

/** Where the namespace stands in requests in which it is no argument of its own. */
const PLACES: Record<string, string> = {
  startRuns: "input[0].namespace",
  pauseTriggers: "scope.namespace",
  resumeTriggers: "scope.namespace",
};

describe("past its namespace, a token", () => {
  const foreign = () => ids.foreign;

  test("finds nothing by id, and nothing is done to it", async () => {
    const run = foreign().run;
    expect(await get(own, "query ($id: ID!) { run(id: $id) { id } }", { id: run })).toEqual({
      run: null,
    });
    for (const id of [foreign().job, foreign().trigger, foreign().executor, run]) {
      expect(await get(own, "query ($id: ID!) { node(id: $id) { id } }", { id })).toEqual({
        node: null,
      });
    }
    for (const mutation of [
      "cancelRun",
      "retryRun",
      "redriveDeadLetter",
      "discardDeadLetter",
      "rerunRun",
      "runNow",
    ]) {
      const { errors } = await ask(own, `mutation ($id: ID!) { ${mutation}(id: $id) { id } }`, {
        id: run,
      });
      expect(errors?.[0]?.extensions).toEqual({ code: "NOT_FOUND", field: "id" });
    }
    const revoke = "mutation ($id: ID!) { revokeToken(id: $id) { id } }";
    expect((await ask(own, revoke, { id: foreign().token })).errors?.[0]?.extensions.code).toBe("NOT_FOUND");
    const log = await listenSse(own, "subscription ($id: ID!) { runLog(id: $id) { text } }", {
      id: run,
    });
    expect(await log.event()).toMatchObject({ errors: [{ extensions: { code: "NOT_FOUND" } }] });
    await log.stop();
    const waits = "mutation ($input: StartRunInput!) { startRun(input: $input) { id } }";
    const input = { namespace: "own", job: "job", after: [run] };
    expect((await ask(own, waits, { input })).errors?.[0]?.extensions).toEqual({
      code: "BAD_INPUT",
      field: "after",
    });
    expect((await get(admin, "query ($id: ID!) { run(id: $id) { state } }", { id: run })).run.state).toBe(
      "READY",
    );
  });

  test("sees no lists of others, and with no namespace named its own", async () => {
    const lists = `{
      namespaces { name }
      jobs { nodes { namespace } } triggers { nodes { namespace } } runs { nodes { namespace } }
      executors { nodes { namespace } } tokens { namespace } overview { ready }
    }`;
    const seen = await get(own, lists);
    expect(seen.namespaces).toEqual([{ name: "own" }]);
    for (const list of [
      seen.jobs.nodes,
      seen.triggers.nodes,
      seen.runs.nodes,
      seen.executors.nodes,
      seen.tokens,
    ]) {
      expect(new Set(list.map((item: Data) => item.namespace))).toEqual(new Set(["own"]));
    }
    const all = await get(admin, "{ jobs { nodes { namespace } } }");
    expect(all.jobs.nodes).toEqual(expect.arrayContaining([{ namespace: "own" }, { namespace: "foreign" }]));
  });

  test("may not name another namespace anywhere", async () => {
    for (const kind of ["Query", "Mutation"] as const) {
      for (const name of Object.keys(RULES[kind])) {
        const { query, variables } = operationOf(kind, name);
        const moved = JSON.parse(JSON.stringify(variables).replaceAll('"matrix"', '"foreign"'));
        if (JSON.stringify(moved) === JSON.stringify(variables) || name === "createNamespace") continue;
        const { errors } = await ask(own, query, moved);
        const field = PLACES[name] ?? "namespace";
        expect({ name, ...errors?.[0]?.extensions }).toEqual({ name, code: "NOT_FOUND", field });
      }
    }
    expect((await get(admin, `{ job(namespace: "foreign", name: "job") { version } }`)).job).toEqual({
      version: 1,
    });
  });

  test("may not listen to another namespace either", async () => {
    for (const name of Object.keys(RULES.Subscription)) {
      const { query } = operationOf("Subscription", name);
      if (name === "runLog") continue;
      const listener = await listenSse(own, query, { namespace: "foreign" });
      expect(await listener.event()).toMatchObject({ errors: [{ extensions: { code: "NOT_FOUND" } }] });
      await listener.stop();
    }
  });

  test("hears nothing of others", async () => {
    const listener = await listen(own, "subscription { runChanged { id namespace } }");
    const start = (namespace: string) =>
      get(
        admin,
        'mutation ($namespace: String) { startRun(input: { namespace: $namespace, job: "job" }) { id } }',
        { namespace },
      );
    await start("foreign");
    const { startRun } = await start("own");
    expect(await listener.next()).toEqual({ runChanged: { id: startRun.id, namespace: "own" } });
    await listener.stop();
  });

  test("gives out no tokens that reach further than itself", async () => {
    const create = "mutation ($input: TokenInput!) { createToken(input: $input) { token { namespace } } }";
    const everywhere = await ask(own, create, { input: { name: "t", role: "VIEWER" } });
    expect(everywhere.errors?.[0]?.extensions.code).toBe("FORBIDDEN");
    const bounded = await get(own, create, { input: { name: "t", role: "VIEWER", namespace: "own" } });
    expect(bounded.createToken.token.namespace).toBe("own");
  });
});

test("a revoked token's subscription ends within 30 seconds, with the reason", {
  timeout: 60_000,
}, async () => {
  const { createToken } = await get(
    admin,
    `mutation { createToken(input: { name: "short", role: VIEWER, namespace: "own" }) { secret token { id } } }`,
  );
  const target = { url: server.url, token: createToken.secret };
  const [socket, stream] = await Promise.all([
    listen(target, "subscription { jobChanged { id } }"),
    listenSse(target, "subscription { jobChanged { id } }"),
  ]);
  const startedAt = performance.now();
  await get(admin, "mutation ($id: ID!) { revokeToken(id: $id) { revokedAt } }", {
    id: createToken.token.id,
  });
  for (const listener of [socket, stream]) {
    const last = await listener.event();
    expect(last).toMatchObject({ errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
    await listener.stop();
  }
  expect(performance.now() - startedAt).toBeLessThan(30_000);
});
