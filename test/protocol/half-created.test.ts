/**
 * Limits, order, waits and control asked for in ways that cannot be, over GraphQL, the producers' call and the workers'
 * calls: each is answered with one code that names one field, and no row of any table is there that was not before.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { client } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;
/** What stands for it in a request: a run that waits for its time, a lease, and the run of that lease. */
const ids: Record<"WAITING" | "LEASE" | "LEASED", string> = { WAITING: "", LEASE: "", LEASED: "" };

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation { createJob(input: { name: "job", type: "t" }) { id } }`);
  await server.graphql(`mutation { createJob(input: {
    name: "single", type: "t", unique: { singleton: { key: "input.customer" } }
  }) { id } }`);
  ids.WAITING = await api.start("job", { delaySeconds: 3_600, affinity: { group: "g", key: "k" } });
  const lease = await api.lease("job");
  Object.assign(ids, { LEASE: lease.id, LEASED: lease.run });
});
afterAll(() => server.close());

const LONG = "x".repeat(300);
const gone = "999999999999999999";
type Members = Record<string, unknown>;
type Row = [what: string, ask: () => Promise<Said>, code: string, field: string];
type Said = { code: unknown; field: unknown };

const graphql = (query: string, variables: Members) => async (): Promise<Said> => {
  const { body } = await server.call("POST", "/graphql", filled({ query, variables }));
  const { errors = [] } = body as unknown as { errors?: { extensions: Said }[] };
  expect(errors, JSON.stringify(body)).toHaveLength(1);
  const said = errors[0]?.extensions;
  return { code: said?.code, field: said?.field };
};
const http = (method: string, path: string, body: unknown) => async (): Promise<Said> => {
  const answer = (await api.call(method, filled(path), filled(body))).json();
  return { code: answer.code, field: answer.field };
};
/** The ids of the setting put in their places. */
const filled = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value).replace(/\$(\w+)/g, (all, name) => ids[name as keyof typeof ids] ?? all));

const create = (input: Members) =>
  graphql("mutation ($input: JobInput!) { createJob(input: $input) { id } }", {
    input: { name: "new", type: "t", ...input },
  });
const update = (input: Members) =>
  graphql(`mutation ($input: JobPatch!) { updateJob(name: "job", input: $input) { id } }`, { input });
const start = (...input: Members[]) =>
  graphql("mutation ($input: [StartRunInput!]!) { startRuns(input: $input) { id } }", {
    input: [{ job: "job" }, ...input.map((one) => ({ job: "job", ...one }))],
  });
const change = (field: string, parameters: string, variables: Members) =>
  graphql(`mutation (${parameters}) { ${field} }`, variables);
const produce = (run: Members) =>
  http("POST", "/v1/runs", { runs: [{ job: "job" }, { job: "job", ...run }] });
const bear = (body: Members) => http("POST", "/v1/leases/$LEASE/runs", body);
const register = (body: Members) => http("PUT", "/v1/executors/new", { groups: ["default"], ...body });

const BAD = "BAD_INPUT";
const TABLE: Row[] = [
  // Limits and order of a job
  ...[0, -1, 2_147_483_647].map(
    (maxParallel): Row => [`maxParallel ${maxParallel}`, create({ maxParallel }), BAD, "maxParallel"],
  ),
  ["maxParallel of an update", update({ maxParallel: 0 }), BAD, "maxParallel"],
  ["an unknown policy", create({ overlap: "SOMETIMES" }), BAD, "overlap"],
  ["an unknown policy of an update", update({ overlap: "NEVER" }), BAD, "overlap"],
  [
    "a limit per key below 1",
    create({ maxParallelPerKey: { key: "input.x", max: 0 } }),
    BAD,
    "maxParallelPerKey.max",
  ],
  [
    "a limit per key that does not parse",
    create({ maxParallelPerKey: { key: "x +", max: 1 } }),
    BAD,
    "maxParallelPerKey.key",
  ],
  [
    "a unique key that does not parse",
    create({ unique: { singleton: { key: "input[" } } }),
    BAD,
    "unique.singleton.key",
  ],
  [
    "a throttle of no time",
    create({ unique: { throttle: { every: "PT0S" } } }),
    BAD,
    "unique.throttle.every",
  ],
  ["two kinds of unique", create({ unique: { singleton: {}, throttle: { every: "PT1S" } } }), BAD, "unique"],
  [
    "a debounce whose bound is short",
    create({ unique: { debounce: { delay: "PT2S", maxWait: "PT1S" } } }),
    BAD,
    "unique.debounce.maxWait",
  ],
  ["a rate of nothing", create({ rate: { max: 0, every: "PT1S" } }), BAD, "rate.max"],
  ["a rate in no time", create({ rate: { max: 1, every: "PT0S" } }), BAD, "rate.every"],
  ["a rate by what does not parse", create({ rate: { max: 1, every: "PT1S", key: "a b" } }), BAD, "rate.key"],
  ["a negative timeout", create({ timeout: "-PT5S" }), BAD, "timeout"],
  ["a negative timeout of an update", update({ timeout: "-PT5S" }), BAD, "timeout"],
  ["a negative start deadline", create({ startDeadline: "-PT1S" }), BAD, "startDeadline"],
  ["an unknown policy for late runs", create({ late: "PERHAPS" }), BAD, "late"],
  ["an unknown execution", create({ execution: "SCATTER" }), BAD, "execution"],
  ["a group with a name too long", create({ group: LONG }), BAD, "group"],
  ["a type with a name too long", create({ type: LONG }), BAD, "type"],
  ["a negative number of retries", create({ retry: { fixed: { max: -1 } } }), BAD, "retry.fixed.max"],
  ["a negative delay of retries", create({ retry: { fixed: { delay: "-PT1S" } } }), BAD, "retry.fixed.delay"],
  [
    "a backoff that shrinks to nothing",
    create({ retry: { backoff: { factor: 0 } } }),
    BAD,
    "retry.backoff.factor",
  ],
  // Starts; the run before is good
  ["a join on an unknown run", start({ joins: [gone] }), BAD, "input[1].joins"],
  ["a join on what is no run", start({ joins: ["run-7"] }), BAD, "input[1].joins"],
  ["a wait for an unknown run", start({ after: [gone] }), BAD, "input[1].after"],
  ["an affinity without a key", start({ affinity: { group: "g", key: "" } }), BAD, "input[1].affinity.key"],
  ["an affinity too long", start({ affinity: { group: LONG, key: "k" } }), BAD, "input[1].affinity.group"],
  ["a negative delay", start({ delay: "-PT1S" }), BAD, "input[1].delay"],
  ["a time beyond the calendar", start({ runAt: "+010000-01-01T00:00:00Z" }), BAD, "input[1].runAt"],
  ["a retry of nothing", start({ retry: {} }), BAD, "input[1].retry"],
  ["an executor that cannot be", start({ executor: "a b" }), BAD, "input[1].executor"],
  ["a priority out of range", start({ priority: 40_000 }), BAD, "input[1].priority"],
  ["no key to be unique by", start({ job: "single", input: {} }), BAD, "input[1].input"],
  // Control
  [
    "two new times",
    change(
      "rescheduleRun(id: $id, delay: $delay, runAt: $runAt) { id }",
      "$id: ID!, $delay: Duration, $runAt: DateTime",
      { id: "$WAITING", delay: "PT1S", runAt: "2030-01-01T00:00:00Z" },
    ),
    BAD,
    "delay",
  ],
  [
    "a negative new time",
    change("rescheduleRun(id: $id, delay: $delay) { id }", "$id: ID!, $delay: Duration", {
      id: "$WAITING",
      delay: "-PT1S",
    }),
    BAD,
    "delay",
  ],
  [
    "a negative spread",
    change('rescheduleRuns(filter: {}, delay: "PT1S", spread: $spread) { changed }', "$spread: Duration", {
      spread: "-PT1S",
    }),
    BAD,
    "spread",
  ],
  [
    "a cancel of ended runs",
    change("cancelRuns(filter: { states: $states }) { changed }", "$states: [RunState!]", {
      states: ["FAILED"],
    }),
    BAD,
    "filter.states",
  ],
  [
    "a cancel of none at a time",
    change("cancelRuns(filter: {}, limit: $limit) { changed }", "$limit: Int", { limit: 0 }),
    BAD,
    "limit",
  ],
  [
    "a cursor of nobody's",
    change("cancelRuns(filter: {}, after: $after) { changed }", "$after: String", { after: "x" }),
    BAD,
    "after",
  ],
  [
    "a pace of nothing",
    change("redriveDeadLetters(filter: {}, perSecond: $n) { changed }", "$n: Float", { n: 0 }),
    BAD,
    "perSecond",
  ],
  [
    "a pause of a group with a name too long",
    change("pauseGroup(group: $name)", "$name: String!", { name: LONG }),
    BAD,
    "group",
  ],
  [
    "a pause of no job",
    change("pauseJob(name: $name) { id }", "$name: String!", { name: "none" }),
    "NOT_FOUND",
    "name",
  ],
  [
    "a suspension of no run",
    change("suspendRun(id: $id) { id }", "$id: ID!", { id: gone }),
    "NOT_FOUND",
    "id",
  ],
  ["a repetition of no run", change("rerunRun(id: $id) { id }", "$id: ID!", { id: gone }), "NOT_FOUND", "id"],
  [
    "a drain of no executor",
    change("drainExecutor(name: $name) { id }", "$name: String!", { name: "none" }),
    "NOT_FOUND",
    "name",
  ],
  [
    "a namespace's bad retries",
    change('updateNamespace(name: "default", input: $input) { id }', "$input: NamespacePatch!", {
      input: { retry: { fixed: { max: -1 } } },
    }),
    BAD,
    "retry.fixed.max",
  ],
  // Producers
  ["a producer's join on an unknown run", produce({ joins: [gone] }), "bad_input", "runs[1].joins"],
  ["a producer's wait for an unknown run", produce({ after: [gone] }), "bad_input", "runs[1].after"],
  [
    "a producer's empty affinity",
    produce({ affinity: { group: "", key: "k" } }),
    "bad_input",
    "runs[1].affinity.group",
  ],
  ["a producer's negative delay", produce({ delaySeconds: -1 }), "bad_input", "runs[1].delaySeconds"],
  [
    "a producer's bad retries",
    produce({ retry: { fixed: { max: -1 } } }),
    "bad_input",
    "runs[1].retry.fixed.max",
  ],
  [
    "a producer's run without its key",
    produce({ job: "single", input: { id: 1 } }),
    "bad_input",
    "runs[1].input",
  ],
  // Workers
  [
    "a join on its own parent",
    bear({ runs: [{ job: "job" }], join: { job: "job", joins: ["$LEASED"] } }),
    "bad_input",
    "join.joins",
  ],
  [
    "a child's join on an unknown run",
    bear({ runs: [{ job: "job", joins: [gone] }] }),
    "bad_input",
    "runs[0].joins",
  ],
  [
    "a child without the key that it is unique by",
    bear({ runs: [{ job: "job" }, { job: "single", input: {} }] }),
    "bad_input",
    "runs[1].input",
  ],
  [
    "a child's idempotency key",
    bear({ runs: [{ job: "job", idempotencyKey: "k" }] }),
    "bad_input",
    "runs[0].idempotencyKey",
  ],
  ["a negative capacity", register({ capacity: -1 }), "bad_input", "capacity"],
  ["half a capacity", register({ capacity: 1.5 }), "bad_input", "capacity"],
  ["a load beyond all", register({ maxLoad: { cpu: -1 } }), "bad_input", "maxLoad.cpu"],
  ["a group too long", register({ groups: [LONG] }), "bad_input", "groups[0]"],
  [
    "a poll for a group too long",
    http("POST", "/v1/leases", { executor: "new", groups: [LONG] }),
    "bad_input",
    "groups[0]",
  ],
  ["a poll for fewer than one", http("POST", "/v1/leases", { executor: "new", max: -1 }), "bad_input", "max"],
  [
    "a retry in the past",
    http("POST", "/v1/leases/$LEASE/fail", { error: { message: "x" }, retryAfterSeconds: -1 }),
    "bad_input",
    "retryAfterSeconds",
  ],
];

/** How many rows there are, by table. */
async function rows(): Promise<Record<string, number>> {
  const { sql } = server.database;
  const tables = await sql<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = 'escapement'::regnamespace and relkind in ('r', 'p') and not relispartition`;
  const counts = await sql.unsafe<{ name: string; n: number }[]>(
    tables
      .map(({ name }) => `select '${name}' as name, count(*)::int as n from escapement."${name}"`)
      .join(" union all "),
  );
  return Object.fromEntries(counts.map(({ name, n }) => [name, n]));
}

test.each(TABLE)("%s is refused, and nothing is half-created", async (_, ask, code, field) => {
  const before = await rows();
  expect(await ask()).toEqual({ code, field });
  expect(await rows()).toEqual(before);
});
