import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { announceForeign } from "../../server/engine/announce.ts";
import { expire } from "../../server/engine/expire.ts";
import { repairHolds } from "../../server/engine/release.ts";
import { addJob, openTestEngine, type TestEngine } from "../support/engine.ts";

/** Two servers, and the worker's own connections, which know nothing of them. */
let a: TestEngine & { url: string };
let b: TestEngine;
let worker: postgres.Sql;
const plain = { namespace: "default", job: "plain" };

beforeAll(async () => {
  a = await openTestEngine();
  for (const job of ["plain", "other"]) await addJob(a, job);
  b = await openTestEngine(a.url);
  worker = postgres(a.url, { max: 6, onnotice: () => {} });
  await worker`create table effect (run_id bigint not null)`;
});
afterAll(async () => {
  await worker.end();
  await b.close();
  await a.close();
});
beforeEach(async () => {
  await a.sql`truncate escapement.ready, escapement.waiting, escapement.lease, escapement.dependency, effect, escapement.unannounced`;
});

const lend = async () => {
  const [run] = await a.engine.start([plain]);
  const [lease] = await a.claim();
  return { run: run?.id ?? "", lease: lease?.leaseId ?? "" };
};
/** The worker's transaction: an effect, the completion, the commit. Resolves with the SQLSTATE, or null. */
const work = (on: postgres.Sql, lease: string, isolation = "read committed"): Promise<string | null> =>
  on
    .begin(`isolation level ${isolation}`, async (t) => {
      await t`insert into effect values (${lease.split("-")[0] ?? ""})`;
      await t`select escapement.complete(${lease}, '{"done":true}')`;
    })
    .then(
      () => null,
      (error: { code: string }) => error.code,
    );
const codeOf = (query: Promise<unknown>): Promise<string | null> =>
  query.then(
    () => null,
    (error: { code: string }) => error.code,
  );
const effects = async (run: string): Promise<number> => {
  const [row] = await a.sql`select count(*)::int as n from effect where run_id = ${run}`;
  return row?.n;
};
const expireAll = async () => {
  await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
  await expire(a.context, await a.lead());
};

describe("complete", () => {
  test("leaves what the engine's own settling leaves", async () => {
    const leave = async (job: string, settle: (lease: string) => Promise<unknown>) => {
      await addJob(a, job);
      const [run] = await a.engine.start([
        { namespace: "default", job, input: '{"a":1}', tags: ["x", 'y"'], priority: 7 },
      ]);
      const [waiter] = await a.engine.start([{ ...plain, after: [run?.id ?? ""] }]);
      const id = run?.id ?? "";
      await a.sql`
        insert into escapement.trigger (namespace_id, job_id, name, schedule, misfire, state, delay_ms, blocked_by)
        select namespace_id, job_id, ${job}, '{"kind":"fixedDelay","everyMs":60000}', '{}', 'BLOCKED', 60000, id
        from escapement.ready where id = ${id}`;
      await a.sql`update escapement.ready set trigger_id = (select max(id) from escapement.trigger) where id = ${id}`;
      const [lease] = await a.claim();
      const leaseId = lease?.leaseId ?? "";
      await a.engine.renew([{ leaseId, progress: 0.25 }]);
      await a.engine.startChildren(leaseId, {
        runs: [plain, { ...plain, delayMs: 3_600_000 }],
        join: { ...plain, job: "other" },
        now: false,
      });
      await settle(leaseId);
      const [ended] = await a.sql`
        select row_to_json(e) as row from escapement.ended e where id = ${id}`;
      const {
        id: _,
        secret,
        ended_at,
        ready_at,
        started_at,
        scheduled_at,
        job_id,
        version_id,
        queue_id,
        trigger_id,
        ...row
      } = ended?.row ?? {};
      expect([secret, ended_at, ready_at, started_at, scheduled_at].every((value) => value !== null)).toBe(
        true,
      );
      expect([job_id, version_id, queue_id, trigger_id].every((value) => value > 0)).toBe(true);
      const children = await a.sql`
        select j.name, r.state, r.awaited, r.wake_kind, r.wake_at > escapement.clock() + interval '59 min' as later,
          (select count(*)::int from escapement.dependency d where d.run_id = r.id) as waits
        from escapement.run r join escapement.job j on j.id = r.job_id where parent_id = ${id} order by 1, 2`;
      const [trigger] = await a.sql`
        select t.state, t.blocked_by, t.next_at - e.ended_at = interval '1 min' as soon
        from escapement.trigger t, escapement.ended e where t.name = ${job} and e.id = ${id}`;
      const staged = await a.sql`select from escapement.staged`;
      await announceForeign(a.context);
      const waits = await a.stateOf(waiter?.id ?? "");
      await a.sql`truncate escapement.ready, escapement.waiting, escapement.dependency`;
      return { row, children: [...children], trigger, staged: staged.length, waits };
    };
    const output = { ü: [1, null] };
    const settled = await leave("settled", (leaseId) =>
      a.engine.settle([{ leaseId, outcome: "succeeded", output: JSON.stringify(output) }]),
    );
    const completed = await leave(
      "completed",
      (leaseId) => worker`select escapement.complete(${leaseId}, ${worker.json(output)})`,
    );
    expect(JSON.parse(completed.row.output)).toEqual(output);
    expect({ ...completed, row: { ...completed.row, output: settled.row.output } }).toEqual(settled);
    expect(completed.children).toHaveLength(3);
    expect(completed.waits).toBe("READY");
    const tally = await a.sql<{ what: string; sql: number; engine: number }[]>`
      select what, coalesce(sum(count) filter (where source like 'sql/%'), 0)::int as sql
      from escapement.tally group by 1 order by 1`;
    expect([...tally]).toEqual([
      { what: "STARTED", sql: 3 },
      { what: "SUCCEEDED", sql: 1 },
    ]);
  });

  test("carries every column of a lease that history has too", async () => {
    const columns = await a.sql<{ name: string; type: string }[]>`
      select l.attname as name, format_type(l.atttypid, l.atttypmod) as type from pg_attribute l
      join pg_attribute e on e.attname = l.attname and e.attrelid = 'escapement.ended'::regclass and not e.attisdropped
      where l.attrelid = 'escapement.lease'::regclass and l.attnum > 0 and not l.attisdropped`;
    // A success forgets the checkpoint.
    const decided = ["id", "secret", "input", "payload", "outcome", "output", "error", "state", "checkpoint"];
    const carried = columns.filter(({ name }) => !decided.includes(name));
    expect(carried.length).toBeGreaterThan(15);
    const { run, lease } = await lend();
    const marks: Record<string, string> = {
      boolean: "true",
      real: "0.5",
      "text[]": "'{mark}'",
      "timestamp(3) with time zone": "'2020-02-02 02:02:02Z'",
      jsonb: `'{"mark":1}'`,
      text: "'mark'",
    };
    const set = carried.map(({ name, type }) => `"${name}" = ${marks[type] ?? "77"}`).join(", ");
    await a.sql.unsafe(`update escapement.lease set ${set} where id = ${run}`);
    const read = (table: string) =>
      a.sql.unsafe(
        `select ${carried.map(({ name }) => `"${name}"`).join(", ")} from escapement.${table} where id = ${run}`,
      );
    const [before] = await read("lease");
    expect(await codeOf(worker`select escapement.complete(${lease})`)).toBeNull();
    const [after] = await read("ended");
    expect(after).toEqual(before);
    await a.sql`delete from escapement.ended where id = ${run}`;
  });

  test("is undone with its transaction", async () => {
    const { run, lease } = await lend();
    await worker
      .begin(async (t) => {
        await t`insert into effect values (${run})`;
        await t`select escapement.complete(${lease}, '1')`;
        throw new Error("changed my mind");
      })
      .catch(() => {});
    expect(await a.stateOf(run)).toBe("RUNNING");
    expect(await effects(run)).toBe(0);
    expect(await a.sql`select from escapement.unannounced`).toHaveLength(0);
    expect(await a.engine.renew([{ leaseId: lease }])).toMatchObject([{ status: "ok", cancel: false }]);
    expect(await work(worker, lease)).toBeNull();
  });

  test("of a completed lease raises, so that no effect happens twice, and the server's answer is a repetition", async () => {
    const { run, lease } = await lend();
    expect(await work(worker, lease)).toBeNull();
    expect(await work(worker, lease)).toBe("S0009");
    expect(await effects(run)).toBe(1);
    expect(await a.engine.settle([{ leaseId: lease, outcome: "succeeded" }])).toEqual([
      { status: "ok", state: "SUCCEEDED" },
    ]);
    expect(await a.engine.settle([{ leaseId: lease, outcome: "failed" }])).toEqual([{ status: "lost" }]);
  });

  test("twice in one transaction takes the whole transaction back", async () => {
    const { run, lease } = await lend();
    const twice = worker.begin(async (t) => {
      await t`select escapement.complete(${lease})`;
      await t`select escapement.complete(${lease})`;
    });
    expect(await codeOf(twice)).toBe("S0009");
    expect(await a.stateOf(run)).toBe("RUNNING");
  });

  test("of a lease that was taken away or cancelled raises, and the effects are gone", async () => {
    const { run, lease } = await lend();
    await expireAll();
    expect(await work(worker, lease)).toBe("S0002");
    const [again] = await a.claim();
    expect(await work(worker, lease)).toBe("S0002");
    await a.engine.cancel(run, "not wanted");
    expect(await work(worker, again?.leaseId ?? "")).toBe("S0008");
    expect(await a.stateOf(run)).toBe("RUNNING");
    await a.engine.settle([{ leaseId: again?.leaseId ?? "", outcome: "succeeded" }]);
    expect(await work(worker, again?.leaseId ?? "")).toBe("S0002");
    expect(await effects(run)).toBe(0);
    expect(await a.stateOf(run)).toBe("CANCELLED");
  });

  test("accepts a lease that has expired and that nobody has taken away yet", async () => {
    const { run, lease } = await lend();
    await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 h'`;
    expect(await work(worker, lease)).toBeNull();
    await expire(a.context, await a.lead());
    expect(await a.stateOf(run)).toBe("SUCCEEDED");
  });

  test("refuses what is no lease and what is too large", async () => {
    const { lease } = await lend();
    const secret = "0".repeat(32);
    for (const wrong of [
      "",
      "x",
      `0-${secret}`,
      `99999999999999999999-${secret}`,
      `9999999999999999999-${secret}`,
      `12-${secret}`,
      `${lease}0`,
    ]) {
      expect(await codeOf(worker`select escapement.complete(${wrong})`), wrong).toBe("S0004");
    }
    expect(await codeOf(worker`select escapement.complete(null)`)).toBe("S0004");
    expect(await work(worker, lease.replace(/.{4}$/, "0000"))).toBe("S0002");
    expect(await codeOf(worker`select escapement.complete(${lease}, to_jsonb(repeat('x', 262143)))`)).toBe(
      "S0007",
    );
    expect(
      await codeOf(worker`select escapement.complete(${lease}, to_jsonb(repeat('x', 262142)))`),
    ).toBeNull();
  });

  test("notices that the transaction of the effects is gone", async () => {
    const { run, lease } = await lend();
    const [begun] = await worker`select pg_current_xact_id()::text as id`;
    expect(await codeOf(worker`select escapement.complete(${lease}, null, ${begun?.id}::xid8)`)).toBe(
      "S0003",
    );
    await worker.begin(async (t) => {
      const [now] = await t`select pg_current_xact_id()::text as id`;
      await t`savepoint before`;
      await t`select escapement.complete(${lease}, null, ${now?.id}::xid8)`;
    });
    expect(await a.stateOf(run)).toBe("SUCCEEDED");
  });

  test.each(["repeatable read", "serializable"])(
    "holds under %s, and loses to a heartbeat in between",
    async (isolation) => {
      const first = await lend();
      expect(await work(worker, first.lease, isolation)).toBeNull();
      const second = await lend();
      const late = worker.begin(`isolation level ${isolation}`, async (t) => {
        await t`insert into effect values (${second.run})`;
        await a.engine.renew([{ leaseId: second.lease }]);
        await t`select escapement.complete(${second.lease})`;
      });
      expect(await codeOf(late)).toBe("40001");
      expect(await effects(second.run)).toBe(0);
      expect(await work(worker, second.lease, isolation)).toBeNull();
      expect(await effects(first.run)).toBe(1);
    },
  );
});

describe("a worker's open transaction", () => {
  test("holds up neither the heartbeats nor the expiry of others, and may still commit", async () => {
    const mine = await lend();
    const others = await Promise.all([lend(), lend()]);
    const guard = await a.lead();
    const held = await worker.reserve();
    await held`begin`;
    await held`select escapement.complete(${mine.lease})`;
    const beats = await a.engine.renew(
      [mine, ...others].map(({ lease }) => ({ leaseId: lease, progress: 0.5 })),
    );
    expect(beats.map((beat) => beat.status)).toEqual(["ok", "ok", "ok"]);
    await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms' where id <> ${mine.run}`;
    await expire(a.context, guard);
    for (const { run } of others) expect(await a.stateOf(run)).toBe("READY");
    expect(await a.engine.giveBackUnnamed(1, [], 0)).toBe(0);
    await held`commit`;
    held.release();
    expect(await a.stateOf(mine.run)).toBe("SUCCEEDED");
    expect(await a.engine.renew([{ leaseId: mine.lease }])).toEqual([{ status: "lost" }]);
  });

  test("does not hold up the leader, when a run waits for the one that it completes", async () => {
    const { run, lease } = await lend();
    const held = await worker.reserve();
    await held`begin`;
    await held`select escapement.complete(${lease})`;
    const [waiter] =
      await worker`select escapement.start_run('default', 'plain', null, ${worker.json({ after: [run] })}) as id`;
    expect(await announceForeign(a.context)).toBe(1);
    expect(await a.stateOf(waiter?.id)).toBe("WAITING");
    await held`commit`;
    held.release();
    await repairHolds(a.context);
    expect(await a.stateOf(waiter?.id)).toBe("READY");
  });

  test("may be prepared, and completes when it is committed", async ({ skip }) => {
    const [setting] = await a.sql`select current_setting('max_prepared_transactions')::int as n`;
    if (setting?.n === 0) skip("max_prepared_transactions is 0 here");
    const { run, lease } = await lend();
    const name = randomBytes(6).toString("hex");
    const held = await worker.reserve();
    await held`begin`;
    await held`select escapement.complete(${lease})`;
    await held.unsafe(`prepare transaction '${name}'`);
    held.release();
    await a.sql.unsafe("select 1");
    await expire(a.context, await a.lead());
    expect(await a.stateOf(run)).toBe("RUNNING");
    await worker.unsafe(`commit prepared '${name}'`);
    expect(await a.stateOf(run)).toBe("SUCCEEDED");
  });
});

describe("races", () => {
  test("of a completion and an expiry exactly one holds", async () => {
    const guard = await a.lead();
    for (let round = 0; round < 20; round++) {
      const { run, lease } = await lend();
      await a.sql`update escapement.lease set expires_at = escapement.clock() - interval '1 ms'`;
      const [code] = await Promise.all([work(worker, lease), expire(a.context, guard)]);
      expect([null, "S0002"]).toContain(code);
      expect(await a.stateOf(run)).toBe(code === null ? "SUCCEEDED" : "READY");
      expect(await effects(run)).toBe(code === null ? 1 : 0);
      await a.sql`truncate escapement.ready`;
    }
  });

  test("of a completion and a cancellation either comes first, and the other sees it", async () => {
    for (let round = 0; round < 20; round++) {
      const { run, lease } = await lend();
      const [code, cancelled] = await Promise.all([work(worker, lease), codeOf(a.engine.cancel(run, null))]);
      expect([code, cancelled]).toEqual(code === null ? [null, "ILLEGAL_STATE"] : ["S0008", null]);
      expect(await effects(run)).toBe(code === null ? 1 : 0);
      await a.sql`truncate escapement.lease`;
    }
  });

  test("of two completions, or a completion and a report, only one has effects", async () => {
    for (let round = 0; round < 20; round++) {
      const { run, lease } = await lend();
      const codes = await Promise.all([work(worker, lease), work(worker, lease)]);
      expect(codes.sort()).toEqual(["S0009", null]);
      expect(await effects(run)).toBe(1);
      const other = await lend();
      const [code, [report]] = await Promise.all([
        work(worker, other.lease),
        b.engine.settle([{ leaseId: other.lease, outcome: "failed", retry: false }]),
      ]);
      expect([code, report?.status]).toEqual(code === null ? [null, "lost"] : ["S0002", "ok"]);
      expect(await a.stateOf(other.run)).toBe(code === null ? "SUCCEEDED" : "FAILED");
      expect(await effects(other.run)).toBe(code === null ? 1 : 0);
    }
  });

  test("of two transactions that start a run under one key, both get the same run", async () => {
    for (let round = 0; round < 10; round++) {
      const key = randomBytes(6).toString("hex");
      const start = () =>
        worker`select escapement.start_run('default', 'plain', '1', ${worker.json({ idempotencyKey: key })}) as id`;
      const [[one], [two]] = await Promise.all([start(), start()]);
      expect(one?.id).toBe(two?.id);
      expect(await a.sql`select from escapement.ready where id = ${one?.id}`).toHaveLength(1);
    }
  });
});

describe("start_run", () => {
  const start = (options: unknown, input: unknown = { a: 1 }) =>
    worker<
      { id: string }[]
    >`select escapement.start_run('default', 'plain', ${worker.json(input as never)}, ${worker.json(options as never)}) as id`;

  test("leaves what the engine's own start leaves", async () => {
    const runAt = "2090-01-31T09:30:00.250+02:00";
    const large = JSON.stringify("x".repeat(3_000));
    const [awaited] = await a.engine.start([plain]);
    const after = [awaited?.id ?? ""];
    await a.engine.start([
      { ...plain, input: '{"a": 1}', priority: -3, tags: ["b", "a", "b"] },
      { ...plain, input: '{"a": 1}', runAt: Date.parse(runAt) },
      { ...plain, input: large },
      { ...plain, input: '{"a": 1}', delayMs: 0 },
    ]);
    await a.engine.start([{ ...plain, input: '{"a": 1}', after }]);
    const read = async () => {
      const rows = await a.sql`
        select row_to_json(r) as row, p.json, r.ready_at is null or r.ready_at >= r.scheduled_at as in_order
        from escapement.run r left join escapement.payload p on p.run_id = r.id where r.id <> ${awaited?.id ?? ""} and r.state in ('READY', 'WAITING')`;
      const shown = rows.map(({ row: { id: _, ready_at, scheduled_at, ...row }, ...rest }) => ({
        ...row,
        ...rest,
        at: row.wake_at && scheduled_at,
      }));
      await a.sql`delete from escapement.ready where id <> ${awaited?.id ?? ""}`;
      await a.sql`delete from escapement.waiting`;
      return shown.sort((x, y) => JSON.stringify(x).localeCompare(JSON.stringify(y)));
    };
    const engine = await read();
    await start({ priority: -3, tags: ["b", "a", "b"] });
    await start({ runAt });
    await start(null, "x".repeat(3_000));
    await start({ delaySeconds: 0 });
    await start({ after });
    expect(await read()).toEqual(engine);
    expect(engine).toHaveLength(5);
  });

  test("is undone with its transaction, told after its commit, and claimed", async () => {
    await worker
      .begin(async (t) => {
        await t`select escapement.start_run('default', 'plain')`;
        throw new Error("changed my mind");
      })
      .catch(() => {});
    expect(await a.claim()).toEqual([]);
    const [run] = await start({});
    const heard = a.changes.length;
    await announceForeign(a.context);
    expect(a.changes.slice(heard)).toMatchObject([{ kind: "run", id: run?.id, state: "READY" }]);
    expect(await announceForeign(a.context)).toBe(0);
    expect(await a.claim()).toMatchObject([{ runId: run?.id, input: '{"a": 1}' }]);
  });

  test("waits for runs that end before or after its commit", async () => {
    const { run, lease } = await lend();
    let waiter = "";
    await worker.begin(async (t) => {
      const [row] =
        await t`select escapement.start_run('default', 'plain', null, ${t.json({ after: [run] })}) as id`;
      waiter = row?.id;
      await a.engine.settle([{ leaseId: lease, outcome: "succeeded" }]);
    });
    const next = await lend();
    const [later] = await start({ after: [next.run, run] });
    await repairHolds(a.context);
    expect(await a.stateOf(waiter)).toBe("READY");
    expect(await a.stateOf(later?.id ?? "")).toBe("WAITING");
    await expireAll();
    await a.engine.cancel(next.run, null);
    await repairHolds(a.context);
    expect(await a.stateOf(later?.id ?? "")).toBe("READY");
  });

  test("answers a repeated key with the first run, and refuses the key of another request", async () => {
    const [first] = await start({ idempotencyKey: "k1", priority: 2 });
    expect(await start({ priority: 2, idempotencyKey: "k1" })).toEqual([first]);
    expect(await codeOf(start({ idempotencyKey: "k1", priority: 3 }))).toBe("S0006");
    expect(await codeOf(a.engine.start([{ ...plain, idempotencyKey: "k1" }]))).toBe("CONFLICT");
  });

  test.each<[unknown, string]>([
    [[], "options: must be an object"],
    [{ priorty: 1 }, "options.priorty: there is no such option"],
    [{ priority: 1.5 }, "options.priority: must be"],
    [{ priority: "5" }, "options.priority: must be"],
    [{ priority: 1e9 }, "options.priority: must be"],
    [{ delaySeconds: -1 }, "options.delaySeconds: must be"],
    [{ runAt: "tomorrow" }, "options.runAt: must be"],
    [{ runAt: "2026-02-31T00:00:00Z" }, "options.runAt: "],
    [{ runAt: 5 }, "options.runAt: must be"],
    [{ runAt: "2026-02-01T00:00:00Z", delaySeconds: 1 }, "options.delaySeconds: give either"],
    [{ tags: "a" }, "options.tags: must be"],
    [{ tags: [" a"] }, "options.tags: must be"],
    [{ tags: [1] }, "options.tags: must be"],
    [{ idempotencyKey: "" }, "options.idempotencyKey: must be"],
    [{ idempotencyKey: 5 }, "options.idempotencyKey: must be"],
    [{ after: ["x"] }, "options.after: must be"],
    [{ after: [null] }, "options.after: must be"],
    [{ after: ["123"] }, 'options.after: there is no run "123"'],
  ])("refuses the options %j and changes nothing", async (options, message) => {
    await expect(start(options)).rejects.toMatchObject({
      code: "S0005",
      message: expect.stringContaining(message),
    });
    expect(await a.sql`select from escapement.run where state in ('READY', 'WAITING')`).toHaveLength(0);
  });

  test("refuses what is not there and what is too large", async () => {
    expect(await codeOf(worker`select escapement.start_run('nowhere', 'plain')`)).toBe("S0004");
    expect(await codeOf(worker`select escapement.start_run('default', 'nothing')`)).toBe("S0004");
    expect(await codeOf(worker`select escapement.start_run(null, null)`)).toBe("S0004");
    expect(await codeOf(start({}, "x".repeat(262_143)))).toBe("S0007");
  });
});

describe("rights", () => {
  const role = `r_${randomBytes(6).toString("hex")}`;
  const as = <T>(query: (t: postgres.TransactionSql) => Promise<T>) =>
    worker.begin(async (t) => {
      await t.unsafe(`set local role ${role}`);
      return await query(t);
    });
  beforeAll(async () => {
    await a.sql.unsafe(`create role ${role}`);
    await a.sql.unsafe(`grant usage on schema escapement to ${role}`);
  });
  afterAll(async () => {
    await a.sql.unsafe(`drop owned by ${role}`);
    await a.sql.unsafe(`drop role ${role}`);
  });

  test("a role needs an express grant, and gets nothing else with it", async () => {
    const { run, lease } = await lend();
    const denied = "42501";
    expect(await codeOf(as((t) => t`select escapement.complete(${lease})`))).toBe(denied);
    expect(await codeOf(as((t) => t`select escapement.start_run('default', 'plain')`))).toBe(denied);
    await a.sql.unsafe(`grant execute on function escapement.complete, escapement.start_run to ${role}`);
    expect(await codeOf(as((t) => t`select from escapement.lease`))).toBe(denied);
    expect(await codeOf(as((t) => t`select escapement.start_run('default', 'plain')`))).toBeNull();
    expect(await codeOf(as((t) => t`select escapement.complete(${lease})`))).toBeNull();
    expect(await a.stateOf(run)).toBe("SUCCEEDED");
  });

  test("what a caller puts in front of the search path is not used", async () => {
    const { run, lease } = await lend();
    await worker.begin(async (t) => {
      await t`create schema evil`;
      await t`create function evil.pg_current_xact_id() returns xid8 language sql as $$ select '1'::xid8 $$`;
      await t`create function evil.clock() returns timestamptz language sql as $$ select 'epoch'::timestamptz $$`;
      await t`create temp table lease (id bigint, secret uuid) on commit drop`;
      await t`set local search_path = evil, pg_temp, escapement, pg_catalog`;
      const [now] = await t`select pg_catalog.pg_current_xact_id()::text as id`;
      await t`select escapement.complete(${lease}, null, ${now?.id}::pg_catalog.xid8)`;
      await t`drop schema evil cascade`;
    });
    const [ended] =
      await a.sql`select ended_at > now() - interval '1 min' as recent from escapement.ended where id = ${run}`;
    expect(ended?.recent).toBe(true);
  });
});
