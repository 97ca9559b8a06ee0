/** Secrets in the inputs of leases, at the arrows: what a claim fills in, what it refuses, and what that costs. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import type { ClaimedLease, Reservation } from "../../server/engine/engine.ts";
import { setSecret } from "../../server/store/secrets.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";
import { newKey, ref } from "../support/secrets.ts";

const key = newKey();
let t: TestEngine;
/** Statements about secrets since the test began. */
let reads = 0;

beforeAll(async () => {
  t = await openTestEngine(undefined, [key]);
  await addJob(t, "plain");
  await addJob(t, "parts", { execution: "MAP_REDUCE" });
  await set("TOKEN", "t0ken-value");
  await set("QUOTED", 'say "hi"\n');
  await set("LARGE", "x".repeat(LIMITS.secretBytes));
  const { sql } = t.context;
  t.context.sql = new Proxy(sql, {
    apply(target, self, [strings, ...values]) {
      if (String(strings).includes("escapement.secret ")) reads += 1;
      return Reflect.apply(target as never, self, [strings, ...values]);
    },
  });
});
afterAll(() => t.close());
beforeEach(() => {
  reads = 0;
});

const set = (name: string, value: string) =>
  setSecret(t.sql, [key], { namespaceId: 1, namespace: "default", name }, { value, by: "test" });
const start = async (inputs: unknown[], job = "plain") =>
  (
    await t.engine.start(
      inputs.map((input) => ({
        namespace: "default",
        job,
        input: input === undefined ? null : JSON.stringify(input),
      })),
    )
  ).map(({ id }) => id);
const inputsOf = (leases: ClaimedLease[]) => leases.map(({ input }) => input && JSON.parse(input));
const succeed = (leases: ClaimedLease[]) =>
  t.engine.settle(leases.map(({ leaseId }) => ({ leaseId, outcome: "succeeded" })));
async function errorOf(runId: string | undefined) {
  const [row] = await t.sql<{ state: string; error: string; failures: number; dead: boolean }[]>`
    select state, error, failures, exists (select from escapement.dead_letter d where d.run_id = r.id) as dead
    from escapement.run r where id = ${runId ?? ""}`;
  return row && { ...row, error: JSON.parse(row.error) };
}

test("a batch takes one read for all its references, and one without takes none", async () => {
  await start([{ a: 1 }, undefined, "text", { a: "$ {secrets.TOKEN}" }]);
  const without = await t.claim(10);
  expect(inputsOf(without)).toEqual([{ a: 1 }, null, "text", { a: "$ {secrets.TOKEN}" }]);
  expect(reads).toBe(0);
  await start([
    { a: ref("TOKEN") },
    { b: 2 },
    [`x${ref("QUOTED")}y${ref("TOKEN")}`],
    { c: `$${ref("TOKEN")}` },
  ]);
  const mixed = await t.claim(10);
  expect(inputsOf(mixed)).toEqual([
    { a: "t0ken-value" },
    { b: 2 },
    ['xsay "hi"\nyt0ken-value'],
    { c: ref("TOKEN") },
  ]);
  expect(reads).toBe(1);
  await succeed([...without, ...mixed]);
});

test("polls of one statement each get their own, filled in", async () => {
  await start(Array.from({ length: 6 }, (_, at) => `${at} ${ref("TOKEN")}`));
  const claims = await Promise.all([t.claim(2), t.claim(2), t.claim(2)]);
  expect(inputsOf(claims.flat()).sort()).toEqual(Array.from({ length: 6 }, (_, at) => `${at} t0ken-value`));
  await succeed(claims.flat());
});

test("a repeated request gets the value again, the one that there is now", async () => {
  await set("CHANGING", "before");
  await start([ref("CHANGING")]);
  const [first] = await t.claim(1, "again");
  expect(first?.input).toBe('"before"');
  await set("CHANGING", "after");
  const [second] = await t.claim(1, "again");
  expect(second).toEqual({ ...first, input: '"after"' });
  await succeed(second ? [second] : []);
});

test("a run that refers to what is not there fails at once, is not tried again, and what is behind it is lent", async () => {
  const runs = await start([
    ref("NOWHERE"),
    { a: [ref("TOKEN"), `${ref("TOKEN").slice(0, -1)} `] },
    ref(""),
    "good",
  ]);
  const leases = await t.claim(1);
  expect(leases.map(({ runId }) => runId)).toEqual([runs[3]]);
  expect(await errorOf(runs[0])).toEqual({
    state: "FAILED",
    error: {
      type: "SecretMissing",
      message:
        'there is no secret "NOWHERE" of namespace "default", which the input refers to; set it with setSecret and run this again',
    },
    failures: 1,
    dead: true,
  });
  for (const malformed of [runs[1], runs[2]]) {
    expect((await errorOf(malformed))?.error).toMatchObject({
      type: "SecretMissing",
      message: expect.stringContaining("refers to no secret"),
    });
  }
  await succeed(leases);
});

test("a poll that gets other runs gets them without those that fail", async () => {
  const runs = await start(["one", ref("NOWHERE"), ref("TOKEN")]);
  const leases = await t.claim(3);
  expect(inputsOf(leases)).toEqual(["one", "t0ken-value"]);
  await expect.poll(() => t.stateOf(runs[1] ?? "")).toBe("FAILED");
  await succeed(leases);
});

test("more runs that fail than a poll takes leave it with nothing, and the next goes on", async () => {
  await start(Array.from({ length: 60 }, () => ref("NOWHERE")));
  const [good] = await start(["good"]);
  expect(await t.claim(1)).toEqual([]);
  const leases = await t.claim(1);
  expect(leases.map(({ runId }) => runId)).toEqual([good]);
  await succeed(leases);
});

test("a failed one runs after the secret was set, when it is redriven", async () => {
  const [run = ""] = await start([ref("LATE")]);
  expect(await t.claim(1)).toEqual([]);
  await set("LATE", "here now");
  await t.engine.redrive(run);
  const leases = await t.claim(1);
  expect(inputsOf(leases)).toEqual(["here now"]);
  await succeed(leases);
});

test("a secret that does not open fails the run and says what to do", async () => {
  const other = newKey();
  const place = { namespaceId: 1, namespace: "default", name: "FOREIGN" };
  await setSecret(t.sql, [other], place, { value: "never seen", by: "test" });
  await t.sql`
    insert into escapement.secret (namespace_id, name, cipher, key_id, updated_by)
    select namespace_id, 'COPIED', cipher, key_id, 'thief' from escapement.secret where name = 'TOKEN'`;
  const [foreign, copied] = await start([ref("FOREIGN"), ref("COPIED")]);
  expect(await t.claim(2)).toEqual([]);
  expect((await errorOf(foreign))?.error).toEqual({
    type: "SecretMissing",
    message: `secret "FOREIGN" of namespace "default" is encrypted with the key ${other.id}, which this server does not have: add it to ESCAPEMENT_SECRET_KEY and start the server again, or set the secret anew`,
  });
  expect((await errorOf(copied))?.error.message).toContain(
    'secret "COPIED" of namespace "default" does not open',
  );
});

test("an input may not refer to too many, nor get too large by it", async () => {
  const names = Array.from({ length: LIMITS.secretsPerInput + 1 }, (_, at) => ref(`N${at}`));
  const large = Array.from({ length: 100 }, () => ref("LARGE"));
  const [many, huge] = await start([names, large]);
  expect(await t.claim(2)).toEqual([]);
  expect((await errorOf(many))?.error.message).toContain("refers to 101 secrets; at most 100");
  expect((await errorOf(huge))?.error.message).toContain("more than 1048576 characters");
});

test("an input that has a table of its own is filled in, and bytes never are", async () => {
  const padding = "p".repeat(10_000);
  await start([{ padding, token: ref("TOKEN") }]);
  const bytes = Buffer.from(ref("TOKEN"));
  await t.engine.start([{ namespace: "default", job: "plain", inputBytes: bytes }]);
  const leases = await t.claim(2);
  expect(inputsOf(leases)).toEqual([{ padding, token: "t0ken-value" }, null]);
  expect(leases[1]?.inputBytes).toEqual(bytes);
  expect(reads).toBe(1);
  await succeed(leases);
});

test("a step's followers keep the reference, and each gets the value", async () => {
  await start([ref("TOKEN")], "parts");
  const [root] = await t.claim(1);
  expect(root).toMatchObject({ step: "ROOT", input: '"t0ken-value"' });
  const [staged] = await t.sql`select input from escapement.staged`;
  expect(staged?.input).toBe(JSON.stringify(ref("TOKEN")));
  await succeed(root ? [root] : []);
  const [reduce] = await t.claim(1);
  expect(reduce).toMatchObject({ step: "REDUCE", input: '"t0ken-value"' });
  await succeed(reduce ? [reduce] : []);
});

test("a root that fails for it takes its followers along", async () => {
  const [root] = await start([ref("NOWHERE")], "parts");
  expect(await t.claim(1)).toEqual([]);
  expect(await t.stateOf(root ?? "")).toBe("FAILED");
  expect(await t.sql`select from escapement.staged`).toHaveLength(0);
});

test("one that was to be cancelled ends cancelled", async () => {
  const [run = ""] = await start([ref("NOWHERE")]);
  const { sql } = t.context;
  t.context.sql = new Proxy(sql, {
    apply(target, self, [strings, ...values]) {
      const sent = Reflect.apply(target as never, self, [strings, ...values]);
      // Between the claim and what ends the run.
      if (!String(strings).includes("escapement.secret ")) return sent;
      return t.engine.cancel(run, "not wanted").then(() => sent);
    },
  });
  expect(await t.claim(1)).toEqual([]);
  t.context.sql = sql;
  expect(await t.stateOf(run)).toBe("CANCELLED");
});

test("a run with a reference is not born leased: the claim that its poll then makes fills it in", async () => {
  const answers: ClaimedLease[][] = [];
  const poll = { namespaceId: 1, executorId: 1, groups: ["default"], max: 2, requestId: "parked" };
  const waiting: Reservation[] = [{ poll, room: 2, answer: (leases) => answers.push(leases) }];
  t.engine.handOverTo(async () => waiting.splice(0));
  const [secretive] = await t.engine.start([
    { namespace: "default", job: "plain", input: JSON.stringify(ref("TOKEN")) },
  ]);
  expect(secretive?.state).toBe("READY");
  expect(answers).toEqual([]);
  const [plain] = await t.engine.start([{ namespace: "default", job: "plain", input: '"plain"' }]);
  expect(plain?.state).toBe("RUNNING");
  const leases = await t.claim(1);
  expect(inputsOf(leases)).toEqual(["t0ken-value"]);
  await succeed([...leases, ...answers.flat()]);
});
