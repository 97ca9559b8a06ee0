/** What the database itself refuses, whoever asks: the last line behind every arrow. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

let t: TestEngine;
let runId: string;

beforeAll(async () => {
  t = await openTestEngine();
  await addJob(t, "plain");
  const [run] = await t.engine.start([{ namespace: "default", job: "plain" }]);
  runId = run?.id ?? "";
  await t.sql`
    insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at)
    values (1, 1, 'good', '{}', '{}', 'NORMAL', escapement.clock())`;
});
afterAll(() => t.close());

const ended = (columns: string) => `
  insert into escapement.ended (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at, ended_at,
    state, outcome, secret, executor_id, started_at, error)
  select 1, 1, 1, 1, 1, 5, clock, clock, ${columns} from escapement.clock() as clock`;

test.each<[what: string, statement: string, constraint: string]>([
  [
    "a run that succeeded without having run",
    ended("'SUCCEEDED', null, null, null, null, null"),
    "ended_success_started",
  ],
  [
    "a failure that does not say why",
    ended("'FAILED', 'FAILED', gen_random_uuid(), 1, clock, null"),
    "ended_failure_says_why",
  ],
  [
    "an attempt without an outcome",
    ended("'CANCELLED', null, gen_random_uuid(), 1, clock, '{}'"),
    "ended_outcome",
  ],
  ["an end in a state that is none", ended("'RUNNING', null, null, null, null, null"), "ended_state"],
  [
    "a hold of a kind without its time",
    "update escapement.waiting set wake_kind = 'TIME', wake_at = null",
    "waiting_wake_both",
  ],
  [
    "an active trigger that is never due",
    "update escapement.trigger set next_at = null",
    "trigger_normal_is_due",
  ],
  [
    "a blocked trigger that nothing blocks",
    "update escapement.trigger set state = 'BLOCKED'",
    "trigger_blocked_by_run",
  ],
  [
    "a complete trigger that is due",
    "update escapement.trigger set state = 'COMPLETE'",
    "trigger_complete_has_no_next",
  ],
  ["a trigger in a state that is none", "update escapement.trigger set state = 'ON'", "trigger_state"],
  [
    "two triggers of one name",
    "insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, next_at) values (1, 1, 'good', '{}', '{}', 'NORMAL', escapement.clock())",
    "trigger_name_taken",
  ],
  [
    "two jobs of one name",
    "insert into escapement.job (namespace_id, name) values (1, 'plain')",
    "job_name_taken",
  ],
  [
    "two namespaces of one name",
    "insert into escapement.namespace (name) values ('default')",
    "namespace_name_taken",
  ],
  [
    "a fire without its run",
    "insert into escapement.occurrence (trigger_id, scheduled_at, outcome) values (1, escapement.clock(), 'FIRED')",
    "occurrence_fired_has_run",
  ],
  ["an input in two places", "update escapement.ready set payload = 1, input = '{}'", "ready_payload"],
  [
    "a second leader row",
    "insert into escapement.leader (id, epoch, expires_at) values (2, 1, escapement.clock())",
    "leader_one_row",
  ],
  ["an executor without room", "update escapement.executor set capacity = 0", "executor_capacity_positive"],
  [
    "a token with a readable secret",
    "insert into escapement.token (id, name, role, hash) values ('x', 'x', 'ADMIN', 'secret')",
    "token_hash_sha256",
  ],
  [
    "groups of a token that is no worker's",
    "insert into escapement.token (id, name, role, groups, hash) values ('x', 'x', 'ADMIN', '{a}', sha256('x'))",
    "token_groups_of_worker",
  ],
])("%s is refused", async (_what, statement, constraint) => {
  await t.sql`
    insert into escapement.waiting (id, namespace_id, job_id, version_id, queue_id, priority, scheduled_at)
    values (7, 1, 1, 1, 1, 5, escapement.clock()) on conflict do nothing`;
  await expect(t.sql.unsafe(statement)).rejects.toMatchObject({ constraint_name: constraint });
});

test("a nominal time of a trigger cannot be recorded twice", async () => {
  const insert = () => t.sql`
    insert into escapement.occurrence (trigger_id, scheduled_at, outcome, run_id)
    values (1, '2030-01-01T00:00:00Z', 'FIRED', ${runId})`;
  await insert();
  await expect(insert()).rejects.toMatchObject({ code: "23505" });
});
