/** The sql and procedure tasks against a real MariaDB; skipped where none is installed. */
import { type Connection, createConnection } from "mysql2/promise";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Cancelled, DoNotRetry, procedure, sql } from "../../worker/index.ts";
import { hasMariaDb, type MariaDb, startMariaDb } from "../support/mariadb.ts";
import { contextFor } from "./context.ts";

describe.skipIf(!hasMariaDb)("MariaDB (skipped without mariadbd)", () => {
  let server: MariaDb;
  let direct: Connection;
  let run: ReturnType<typeof sql>;
  let call: ReturnType<typeof procedure>;

  beforeAll(async () => {
    server = await startMariaDb();
    direct = await createConnection({ uri: server.url, multipleStatements: true });
    const connections = { main: { url: server.url }, reports: { url: server.url, readOnly: true } };
    run = sql({ connections });
    call = procedure({ connections });
  });
  beforeEach(async () => {
    await direct.query("drop table if exists item; create table item (id int primary key, name text)");
  });
  afterAll(async () => {
    direct?.destroy();
    await server?.stop();
  });

  const main = (statement: string, more: object = {}) =>
    run({ connection: "main", statement, ...more }, contextFor());
  const names = async () => {
    const [rows] = await direct.query("select name from item order by id");
    return (rows as { name: string }[]).map(({ name }) => name);
  };

  test("one row becomes members of the output, as the database has them", async () => {
    const statement = `select 7 as answer, 9007199254740993 as large, count(*) as small, cast(1.10 as decimal(5,2)) as price,
      date '2026-03-01' as day, timestamp '2026-03-01 10:00:00.123456' as at, x'00ff' as bytes, null as none, 1.5e0 as dbl`;
    expect(await main(statement)).toEqual({
      answer: 7,
      large: "9007199254740993",
      small: 1,
      price: "1.10",
      day: "2026-03-01",
      at: "2026-03-01 10:00:00.123456",
      bytes: "AP8=",
      none: null,
      dbl: 1.5,
      rowCount: 1,
    });
  });

  test("the same comes back when parameters are bound", async () => {
    const statement =
      "select ? as text, ? + 1 as number, ? as yes, cast(? as decimal(5,2)) as price, ? as doc";
    expect(await main(statement, { params: ["ü", 41, true, "1.10", { a: [1] }] })).toMatchObject({
      text: "ü",
      number: 42,
      yes: 1,
      price: "1.10",
      doc: '{"a":[1]}',
    });
  });

  test("many rows become an output file, and a limit can be bound", async () => {
    const context = contextFor();
    const statement = "select seq, 'x' as name from seq_1_to_100000 limit :rows";
    const output = await run({ connection: "main", statement, params: { rows: 60_000 } }, context);
    expect(output).toEqual({ rowCount: 60_000, file: "result.csv" });
    const lines = String(context.files.get("result.csv")).trimEnd().split("\n");
    expect(lines).toHaveLength(60_001);
    expect(lines.at(-1)).toBe("60000,x");
  });

  test("names are bound in every statement, each as often as it stands there", async () => {
    const output = await main("select :a + :a as twice, ':a' as quoted, `id` as `:a` from item # :nobody", {
      params: { a: 21, name: "x'); drop table item; --" },
      preStatements: ["insert into item values (:a, :name)"],
    });
    expect(output).toEqual({ twice: 42, quoted: ":a", ":a": 21, rowCount: 1 });
    expect(await names()).toEqual(["x'); drop table item; --"]);
  });

  test("a transaction keeps nothing when one of its statements fails", async () => {
    const failing = (transaction: boolean) =>
      main("insert into item values (1, 'one')", {
        transaction,
        postStatements: ["insert into item values (1, 'x')"],
      });
    await expect(failing(true)).rejects.toThrow(
      /input\.postStatements\[0\] failed: Duplicate entry.*\(23000\)/,
    );
    expect(await names()).toEqual([]);
    await expect(failing(false)).rejects.toThrow("Duplicate entry");
    expect(await names()).toEqual(["one"]);
  });

  test("changed rows are counted", async () => {
    expect(await main("insert into item values (1, 'a'), (2, 'b')")).toEqual({ rowCount: 2 });
  });

  test.each([
    ["select 1; select 2", "You have an error in your SQL syntax"],
    ["/*!50000 commit */", "must not begin or end a transaction"],
    ["set @@session.autocommit = 1", "must not begin or end a transaction"],
    ["load data local infile '/etc/passwd' into table item", "must not be a COPY or LOAD"],
  ])("%s is refused", async (statement, message) => {
    await expect(main(statement)).rejects.toThrow(message);
  });

  test.each([
    ["insert into item values (1, 'x')", "is no query"],
    ["with x as (select 1) select * from x where sleep(0) = 1", undefined],
    ["select 1 /*! from dual */", undefined],
  ])("a connection for reading treats %s as what it is", async (statement, message) => {
    const reading = run({ connection: "reports", statement }, contextFor());
    if (message === undefined) await reading;
    else await expect(reading).rejects.toThrow(message);
    expect(await names()).toEqual([]);
  });

  test("a function that writes does not write on a connection for reading", async () => {
    await direct.query(`drop function if exists sneaky; create function sneaky() returns int modifies sql data
      begin insert into item values (1, 'x'); return 1; end`);
    const reading = run({ connection: "reports", statement: "select sneaky()" }, contextFor());
    await expect(reading).rejects.toThrow("READ ONLY transaction");
  });

  /** Works without a look at its connection, so that it ends by being told to. */
  const BUSY = "select count(*) from seq_1_to_1000000000 a, seq_1_to_1000000000 b";
  const sleepers = async () => (await sleeping()).length;
  const sleeping = async () => {
    const [rows] = await direct.query(
      "select id from information_schema.processlist where info like 'select count(*) from seq_1_to_1000000000%'",
    );
    return (rows as { id: number }[]).map(({ id }) => id);
  };

  test("a statement ends when its time is up", async () => {
    await expect(main(BUSY, { timeoutSeconds: 0.3 })).rejects.toThrow(/interrupted|max_statement_time/);
    await expect.poll(sleepers).toBe(0);
  });

  test("a cancelled statement is ended in the database", async () => {
    const context = contextFor();
    const running = run({ connection: "main", statement: BUSY }, context);
    const settled = expect(running).rejects.toBeInstanceOf(Cancelled);
    await expect.poll(sleepers).toBe(1);
    context.stop(new Cancelled());
    await settled;
    await expect.poll(sleepers).toBe(0);
  });

  test("a connection that is cut off fails the run", async () => {
    const running = main(BUSY);
    const settled = expect(running).rejects.toThrow("input.statement failed");
    await expect.poll(sleepers).toBe(1);
    for (const id of await sleeping()) await direct.query(`kill ${id}`);
    await settled;
  });

  test("a database that is away is said to be, without its password", async () => {
    const away = sql({ connections: { main: { url: "mysql://user:topsecret@127.0.0.1:1/x" } } });
    const failing = away({ connection: "main", statement: "select 1" }, contextFor());
    await expect(failing).rejects.toThrow("The connection failed: connect ECONNREFUSED");
    await expect(failing).rejects.not.toThrow("topsecret");
  });

  test("a transaction of many statements is one", async () => {
    const preStatements = Array.from({ length: 60 }, (_, index) => `insert into item values (${index}, 'x')`);
    expect(await main("select count(*) as n from item", { preStatements })).toEqual({ n: 60, rowCount: 1 });
  });

  describe("procedures", () => {
    beforeAll(async () => {
      await direct.query(`
        create procedure settle(in amount int, out total int, inout note text, out at date)
          begin set total = amount * 2; set note = concat(note, '!'); set at = '2026-03-01'; end;
        create procedure listing() begin select 1 as a union select 2; select 3 as b; end;
        create function doubled(n int) returns int return n * 2`);
    });

    test("give back OUT and INOUT parameters under the names of the input", async () => {
      const params = [
        { value: 21 },
        { name: "total", direction: "OUT", type: "integer" },
        { name: "note", direction: "INOUT", value: "hi" },
        { name: "at", direction: "OUT" },
      ];
      expect(await call({ connection: "main", routine: "settle", params }, contextFor())).toEqual({
        total: 42,
        note: "hi!",
        at: "2026-03-01",
      });
    });

    test("without OUT parameters give back their first result, and functions theirs", async () => {
      expect(await call({ connection: "main", routine: "listing" }, contextFor())).toEqual({
        a: [1, 2],
        rowCount: 2,
      });
      const params = [{ value: 4 }];
      expect(
        await call({ connection: "main", routine: "doubled", kind: "function", params }, contextFor()),
      ).toEqual({ result: 8, rowCount: 1 });
    });

    test("are not called on a connection for reading", async () => {
      const failing = call({ connection: "reports", routine: "listing" }, contextFor());
      await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
    });
  });
});
