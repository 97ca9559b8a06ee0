/** The procedure task against PostgreSQL; mysql.test.ts has MariaDB's. */
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DoNotRetry, procedure } from "../../worker/index.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { contextFor } from "./context.ts";

let database: TestDatabase;
let direct: postgres.Sql;
let run: ReturnType<typeof procedure>;
const call = (routine: string, more: object = {}) =>
  run({ connection: "main", routine, ...more }, contextFor());

beforeAll(async () => {
  database = await createTestDatabase();
  direct = postgres(database.url, { max: 1, onnotice: () => {} });
  await direct.unsafe(`
    create schema billing;
    create table billing.entry (amount int);
    create procedure billing.settle(in amount int, out total int, inout note text, out at date) language plpgsql as $$
      begin insert into billing.entry values (amount); total := amount * 2; note := note || '!'; at := '2026-03-01'; end $$;
    create procedure billing."In Two"() language plpgsql as $$
      begin insert into billing.entry values (1); commit; insert into billing.entry values (2); end $$;
    create function billing.kind(n int) returns text language sql as 'select ''integer''';
    create function billing.kind(n text) returns text language sql as 'select ''text''';
    create function billing.listing(n int) returns table (a int, b text) language sql as
      'select i, ''x'' from generate_series(1, n) i';
    create function billing.total(numbers int[], doc jsonb) returns int language sql as
      'select (select sum(n) from unnest(numbers) n) + (doc->>''plus'')::int'`);
  run = procedure({
    connections: { main: { url: database.url }, reports: { url: database.url, readOnly: true } },
  });
});
afterAll(async () => {
  await direct.end();
  await database.drop();
});

test("OUT and INOUT parameters come back under the names of the input", async () => {
  const params = [
    { value: 21, type: "integer" },
    { name: "sum", direction: "OUT", type: "integer" },
    { name: "remark", direction: "INOUT", value: "hi" },
    { name: "at", direction: "OUT" },
  ];
  expect(await call("billing.settle", { params })).toEqual({ sum: 42, remark: "hi!", at: "2026-03-01" });
});

test("a procedure that ends transactions by itself is called without one", async () => {
  await expect(call('billing."In Two"')).rejects.toThrow("invalid transaction termination");
  await call('billing."In Two"', { transaction: false });
  const [row] = await direct`select count(*)::int as count from billing.entry where amount < 3`;
  expect(row).toEqual({ count: 2 });
});

describe("a function", () => {
  const result = (routine: string, params: object[]) => call(routine, { kind: "function", params });

  test("gives its result", async () => {
    expect(await result("billing.listing", [{ value: 2 }])).toEqual({
      a: [1, 2],
      b: ["x", "x"],
      rowCount: 2,
    });
  });

  test("is chosen by the types of its parameters", async () => {
    expect(await result("billing.kind", [{ value: "1", type: "text" }])).toMatchObject({ kind: "text" });
    expect(await result("billing.kind", [{ value: 1, type: "integer" }])).toMatchObject({ kind: "integer" });
  });

  test("takes lists and objects", async () => {
    const params = [
      { value: [1, 2, 3], type: "int[]" },
      { value: { plus: 4 }, type: "json" },
    ];
    expect(await result("billing.total", params)).toMatchObject({ total: 10 });
  });
});

test.each([
  [{ routine: "settle(); drop table billing.entry; --" }, "input.routine must look like billing.close_month"],
  [{ routine: "billing." }, "input.routine must look like"],
  [
    { routine: "x", params: [{ type: "int) ; drop table billing.entry; --" }] },
    "input.params[0].type must look like",
  ],
  [{ routine: "x", params: [{ type: "int" }, { direction: "OUT" }] }, "input.params[1].name is missing"],
  [{ routine: "x", params: [{ direction: "OUT", name: "a", value: 1 }] }, "must have no value"],
  [{ routine: "x", kind: "function", params: [{ direction: "OUT", name: "a" }] }, "must be IN"],
  [{ routine: "x", connection: "reports" }, "input.connection is for reading only"],
])("the input %j is refused for good", async (given, message) => {
  const failing = run({ connection: "main", ...given }, contextFor());
  await expect(failing).rejects.toThrow(message);
  await expect(failing).rejects.toBeInstanceOf(DoNotRetry);
});
