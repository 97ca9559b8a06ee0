/** The sql task against PostgreSQL: what is bound, what rows become, what a transaction keeps, what is refused. */
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Cancelled, DoNotRetry, sql } from "../../worker/index.ts";
import { openPostgres } from "../../worker/tasks/sql/postgres.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { contextFor } from "./context.ts";

let database: TestDatabase;
let direct: postgres.Sql;
let run: ReturnType<typeof sql>;

beforeAll(async () => {
  database = await createTestDatabase();
  direct = postgres(database.url, { max: 2, onnotice: () => {} });
  const connections = { main: { url: database.url }, reports: { url: database.url, readOnly: true } };
  run = sql({ connections, maxRows: 20_000 });
});
beforeEach(async () => {
  await direct`drop table if exists item`;
  await direct`create table item (id int primary key, name text)`;
});
afterAll(async () => {
  await direct.end();
  await database.drop();
});

const main = (statement: string, more: object = {}) =>
  run({ connection: "main", statement, ...more }, contextFor());
const names = async () => (await direct`select name from item order by id`).map(({ name }) => name);

describe("rows", () => {
  test("one row becomes members of the output, by column", async () => {
    expect(await main("select 7 as answer, 'x' as letter, null as nothing")).toEqual({
      answer: 7,
      letter: "x",
      nothing: null,
      rowCount: 1,
    });
  });

  test("several rows become lists, and so do none", async () => {
    const statement = "select n, 'r' || n as name from generate_series(1, $1::int) n";
    expect(await main(statement, { params: [3] })).toEqual({
      n: [1, 2, 3],
      name: ["r1", "r2", "r3"],
      rowCount: 3,
    });
    expect(await main(statement, { params: [0] })).toEqual({ n: [], name: [], rowCount: 0 });
  });

  test("come from whatever has rows", async () => {
    expect(await main("show server_encoding")).toEqual({ server_encoding: "UTF8", rowCount: 1 });
    expect(await main("explain select 1")).toMatchObject({ rowCount: 1 });
    expect(await main("insert into item values (1, 'a'), (2, 'b') returning id")).toEqual({
      id: [1, 2],
      rowCount: 2,
    });
    expect(await main("/* c */ (values (1))")).toEqual({ column1: 1, rowCount: 1 });
  });

  test("can be objects", async () => {
    expect(await main("select 1 as a, 2 as b", { result: "rows" })).toEqual({
      rowCount: 1,
      rows: [{ a: 1, b: 2 }],
    });
  });

  test("are as the database has them: exact numbers, dates without a time, bytes, JSON, lists", async () => {
    const statement = `select 9007199254740993::bigint as large, 5::bigint as small, 1.10::numeric as price,
      date '2026-03-01' as day, timestamptz '2026-03-01 10:00:00.123456+02' as at, time '08:00' as hour,
      '\\x00ff'::bytea as bytes, '{"a": [1]}'::jsonb as doc, array[1, 2] as list, true as yes, 'NaN'::float8 as odd`;
    expect(await main(statement)).toEqual({
      large: "9007199254740993",
      small: 5,
      price: "1.10",
      day: "2026-03-01",
      at: "2026-03-01 08:00:00.123456+00",
      hour: "08:00:00",
      bytes: "AP8=",
      doc: { a: [1] },
      list: [1, 2],
      yes: true,
      odd: Number.NaN,
      rowCount: 1,
    });
  });

  test("many become an output file, all of them and in order", async () => {
    const context = contextFor();
    const statement =
      "select n, 'a,b \"' || n || '\"' as text, null as no, '' as empty from generate_series(1, 5000) n";
    expect(await run({ connection: "main", statement }, context)).toEqual({
      rowCount: 5000,
      file: "result.csv",
    });
    const lines = String(context.files.get("result.csv")).split("\n");
    expect(lines[0]).toBe("n,text,no,empty");
    expect(lines[1]).toBe('1,"a,b ""1""",,""');
    expect(lines.slice(1, -1).map((line) => Number(line.split(",")[0]))).toEqual(
      Array.from({ length: 5000 }, (_, index) => index + 1),
    );
    expect(lines.at(-1)).toBe("");
  });

  test("become a file where that is asked for, and where few of them are large", async () => {
    const context = contextFor();
    const asked = { connection: "main", statement: "select 1 as a", result: "file", fileFormat: "jsonl" };
    expect(await run(asked, context)).toEqual({ rowCount: 1, file: "result.jsonl" });
    expect(String(context.files.get("result.jsonl"))).toBe('{"a":1}\n');
    const empty = { ...asked, statement: "select 1 as a where false", fileFormat: "csv" };
    expect(await run(empty, context)).toEqual({ rowCount: 0, file: "result.csv" });
    expect(String(context.files.get("result.csv"))).toBe("a\n");
    expect(await main("select repeat('x', 200000) as long")).toEqual({ rowCount: 1, file: "result.csv" });
  });

  test("fail the run when they are more than the operator or the input allows", async () => {
    const more = (limit: object) => main("select generate_series(1, 30000)", { result: "file", ...limit });
    await expect(more({})).rejects.toThrow("more than the 20000 rows");
    await expect(more({ maxRows: 10 })).rejects.toThrow("more than the 10 rows");
    await expect(more({ maxRows: 10 })).rejects.toBeInstanceOf(DoNotRetry);
  });

  test("of two columns with one name are refused", async () => {
    await expect(main("select 1 as a, 2 as a")).rejects.toThrow('two columns of the name "a"');
  });

  test("leave out a column that would hide the row count, and say so", async () => {
    const context = contextFor();
    const statement = 'select 9 as "rowCount", 1 as a';
    expect(await run({ connection: "main", statement }, context)).toEqual({ a: 1, rowCount: 1 });
    expect(context.lines).toContainEqual({ level: "warn", message: expect.stringContaining("rowCount") });
  });
});

describe("parameters", () => {
  test("are bound by position and never read as SQL", async () => {
    const evil = "x'); drop table item; --";
    await main("insert into item values ($1, $2)", { params: [1, evil] });
    expect(await names()).toEqual([evil]);
  });

  test("are bound by name in every statement, as often as they are named", async () => {
    const output = await main(
      "select :a::int + :a::int as twice, ':a' as quoted, $$ :a $$ as dollars -- :nobody",
      {
        params: { a: 21, name: "first" },
        preStatements: ["insert into item values (:a, :name)"],
      },
    );
    expect(output).toEqual({ twice: 42, quoted: ":a", dollars: " :a ", rowCount: 1 });
    expect(await names()).toEqual(["first"]);
  });

  test("may be of any type that JSON has", async () => {
    const statement = `select $1::jsonb as doc, $2::int[] as list, $3::boolean as yes, $4::text as none,
      $5::jsonb as items, $6::timestamptz as at`;
    const params = [{ a: { b: "ü" } }, [1, 2], true, null, [{ c: 1 }], "2026-01-01T00:00:00Z"];
    expect(await main(statement, { params })).toMatchObject({
      doc: { a: { b: "ü" } },
      list: [1, 2],
      yes: true,
      none: null,
      items: [{ c: 1 }],
      at: "2026-01-01 00:00:00+00",
    });
  });

  test("that are missing are named", async () => {
    const failing = main("select :a, :b", { params: { a: 1 } });
    await expect(failing).rejects.toThrow("input.params.b is missing");
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });
});

describe("a transaction", () => {
  const failing = (transaction: boolean) =>
    main("insert into item values (2, 'two')", {
      transaction,
      preStatements: ["insert into item values (1, 'one')"],
      postStatements: ["insert into item values (2, 'again')"],
    });

  test("keeps nothing when one of its statements fails, and says which", async () => {
    await expect(failing(true)).rejects.toThrow(
      /input\.postStatements\[0\] failed: duplicate key.*\(23505\)/,
    );
    expect(await names()).toEqual([]);
  });

  test("can be done without", async () => {
    await expect(failing(false)).rejects.toThrow("input.postStatements[0] failed");
    expect(await names()).toEqual(["one", "two"]);
  });

  test("goes in order, and counts the rows of the main statement", async () => {
    const output = await main("update item set name = upper(name)", {
      preStatements: ["insert into item values (1, 'a'), (2, 'b')"],
      postStatements: ["delete from item where id = 2"],
    });
    expect(output).toEqual({ rowCount: 2 });
    expect(await names()).toEqual(["A"]);
  });

  test("of which the connection is lost sends nothing any more", async () => {
    const session = await openPostgres({
      url: database.url,
      readOnly: false,
      timeoutMs: 5_000,
      say: () => {},
    });
    await session.begin();
    await session.run("insert into item values (1, 'inside')", []);
    const others = () => direct<{ pid: number }[]>`
      select pid from pg_stat_activity where state = 'idle in transaction' and datname = current_database()`;
    for (const { pid } of await others()) await direct`select pg_terminate_backend(${pid})`;
    await expect.poll(others).toEqual([]);
    for (const id of [2, 3]) {
      await expect(session.run(`insert into item values (${id}, 'outside')`, [])).rejects.toThrow(
        /lost|terminat/,
      );
    }
    await session.close();
    expect(await names()).toEqual([]);
  });

  test("is not needed for what must not have one", async () => {
    expect(await main("vacuum item", { transaction: false })).toEqual({});
    await expect(main("vacuum item")).rejects.toThrow("VACUUM cannot run inside a transaction block");
  });
});

describe("statements that are refused", () => {
  test.each([
    ["select 1; select 2", "cannot insert multiple commands"],
    ["-- nothing", "holds no statement"],
    ["commit", "must not begin or end a transaction"],
    ["/* a /* b */ */ ROLLBACK", "must not begin or end a transaction"],
    ["set transaction read write", "must not begin or end a transaction"],
    ["set session characteristics as transaction read write", "must not begin or end a transaction"],
    ["copy item from stdin", "must not be a COPY"],
    ["copy item to stdout", "must not be a COPY"],
  ])("%s", async (statement, message) => {
    await expect(main(statement)).rejects.toThrow(message);
  });

  test.each([
    [{ connection: "main" }, "input.statement is missing"],
    [{ connection: "other", statement: "select 1" }, "input.connection is not one of those"],
    [{ connection: "__proto__", statement: "select 1" }, "input.connection is not one of those"],
    [{ connection: "main", statement: "select 1", url: "x" }, 'has no member "url"'],
    [
      { connection: "main", statement: "select 1", timeoutSeconds: 0 },
      "input.timeoutSeconds must be a number from 0.001",
    ],
    [{ connection: "main", statement: "select 1", params: 1 }, "input.params must be a list or an object"],
    [
      { connection: "main", statement: "select 1", preStatements: [1] },
      "input.preStatements[0] must be a string",
    ],
  ])("the input %j", async (given, message) => {
    const failing = run(given, contextFor());
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
  });
});

describe("a connection for reading", () => {
  const read = (statement: string, more: object = {}) =>
    run({ connection: "reports", statement, ...more }, contextFor());

  test("reads", async () => {
    await direct`insert into item values (1, 'one')`;
    expect(await read("with i as (select * from item) select name from i")).toEqual({
      name: "one",
      rowCount: 1,
    });
  });

  test.each([
    ["insert into item values (1, 'x')", "is no query"],
    ["with i as (insert into item values (1, 'x') returning *) select * from i", "read-only transaction"],
    ["explain analyze insert into item values (1, 'x')", "read-only transaction"],
    ["do $$ begin insert into item values (1, 'x'); end $$", "is no query"],
    ["select set_config('transaction_read_only', 'off', true)", "must be set before any query"],
  ])("does not write by %s", async (statement, message) => {
    await expect(read(statement)).rejects.toThrow(message);
    await expect(read(statement, { transaction: false })).rejects.toThrow(message);
    expect(await names()).toEqual([]);
  });

  test("looks at what stands before and after, too", async () => {
    const more = { postStatements: ["delete from item"] };
    await expect(read("select 1", more)).rejects.toThrow("input.postStatements[0] is no query");
  });
});

describe("time", () => {
  const sleepers = async () =>
    (
      await direct`select pid from pg_stat_activity where query like 'select pg_sleep(4711)%' and state = 'active'`
    ).length;

  test("ends a statement that takes too long", async () => {
    const failing = main("select pg_sleep(4711)", { timeoutSeconds: 0.2 });
    await expect(failing).rejects.toThrow("statement timeout");
    expect(await sleepers()).toBe(0);
  });

  test("ends with the run: a cancelled statement is cancelled in the database", async () => {
    const context = contextFor();
    const running = run({ connection: "main", statement: "select pg_sleep(4711)" }, context);
    const settled = expect(running).rejects.toBeInstanceOf(Cancelled);
    await expect.poll(sleepers).toBe(1);
    context.stop(new Cancelled());
    await settled;
    await expect.poll(sleepers).toBe(0);
  });

  test("is not begun for a run that is over", async () => {
    const context = contextFor();
    context.stop(new Cancelled());
    await expect(run({ connection: "main", statement: "select 1" }, context)).rejects.toBeInstanceOf(
      Cancelled,
    );
  });
});

test("what the database says besides goes into the log", async () => {
  const context = contextFor();
  await run({ connection: "main", statement: "do $$ begin raise notice 'by the way'; end $$" }, context);
  expect(context.lines).toContainEqual({ level: "info", message: "NOTICE: by the way" });
});

test("a database that is away is said to be, without its password", async () => {
  const away = sql({ connections: { main: { url: "postgres://user:topsecret@127.0.0.1:1/x" } } });
  const failing = away({ connection: "main", statement: "select 1" }, contextFor());
  await expect(failing).rejects.toThrow("The connection failed: connect ECONNREFUSED");
  await expect(failing).rejects.not.toThrow("topsecret");
});
