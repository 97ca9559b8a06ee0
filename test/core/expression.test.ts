/** Expressions in CEL: what they can read and say, what is refused where, and the library's own ways that we rely on or mend. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkExpression,
  evaluateCondition,
  evaluateExpression,
} from "../../server/core/expression/expression.ts";
import { programOf } from "../../server/core/expression/program.ts";
import type { Scope } from "../../server/core/params/scope.ts";
import { Rejection } from "../../server/core/rejection.ts";

const SCOPE: Scope = {
  params: {
    region: "eu",
    count: 5,
    rate: 0.5,
    on: true,
    nothing: null,
    list: [3, 1, 2],
    rows: [
      { id: 1, tags: ["a"] },
      { id: 2, tags: [] },
    ],
    "odd name": "odd",
    constructor: { name: "own" },
    object: { constructor: "own", a: 1 },
    name: "größe 🙂",
  },
  nodes: {
    extract: { state: "SUCCEEDED", output: { rows: [{ id: 7 }], total: 1200 } },
    "load-x": { state: "FAILED" },
  },
  run: {
    id: "run-1",
    job: "nightly",
    namespace: "default",
    scheduledAt: Date.parse("2027-03-14T07:30:00Z"),
    timeZone: "America/New_York",
  },
};

describe("an expression", () => {
  it.each<[string, unknown]>([
    ["params.region", "eu"],
    ['params["odd name"]', "odd"],
    ["params.rows[1].id", 2],
    ["nodes.extract.output.rows[0].id", 7],
    ['nodes["load-x"].state', "FAILED"],
    ['nodes.extract.state == "SUCCEEDED" && nodes.extract.output.total > 1000', true],
    ["states.extract", "SUCCEEDED"],
    ['states.exists(key, states[key] == "FAILED")', true],
    ['states.all(key, states[key] in ["SUCCEEDED", "SKIPPED"])', false],
    ["size(states)", 2],
    ['run.job + "/" + run.id + "/" + run.namespace', "nightly/run-1/default"],
    ['params.region in ["eu", "us"]', true],
    ["params.count in params.list", false],
    ['params.on ? "yes" : "no"', "yes"],
    ['"region" in params', true],
    ["has(params.region) && !has(params.missing)", true],
    ['has(nodes.later) ? nodes.later.state : "not yet"', "not yet"],
    ["params.rows.map(row, row.id)", [1, 2]],
    ["params.rows.filter(row, size(row.tags) > 0)", [{ id: 1, tags: ["a"] }]],
    ["params.rows.map(row, row.id > 1, row.id * 10)", [20]],
    ["params.list.exists_one(x, x > 2)", true],
    ["params.rows.exists(row, row.tags.exists(tag, tag == params.region || tag == 'a'))", true],
    ["params.list + [4]", [3, 1, 2, 4]],
    ['{"a": params.count, "b": [params.on]}', { a: 5, b: [true] }],
    ["{1: true}", { 1: true }],
    ['params.name.startsWith("gr") && params.name.contains("🙂")', true],
    ["size(params.name)", 7],
    ['"2027-01".matches("^[0-9]{4}-[0-9]{2}$")', true],
    ['string(params.count) + "!"', "5!"],
    ['int("12") + 1', 13],
    ["params.nothing == null", true],
    ["type(params.count) == double && type(1) == int", true],
    ["type(params.list) == list", true],
    ["params.rows == [{'id': 1, 'tags': ['a']}, {'id': 2, 'tags': []}]", true],
    // An error is no answer only when it matters.
    ["params.missing == 1 || true", true],
    ["false && params.missing == 1", false],
    ["[1, 2].exists(x, x / (x - 1) == 2)", true],
    // A variable of a macro hides one of ours.
    ["params.rows.map(params, params.id)", [1, 2]],
    // Comments, line breaks, every kind of string.
    ["1 + // one\n 1", 2],
    ["'a' + \"b\" + r'\\d' + '''c'd''' + '\\u00e9'", "ab\\dc'dé"],
  ])("%s is %j", (text, expected) => {
    expect(evaluateExpression(text, SCOPE)).toEqual(expected);
  });

  it.each<[string, unknown]>([
    // Numbers of JSON are doubles, those without a point are ints: CEL alone could not add them.
    ["params.count + 1", 6],
    ["1 - params.count", -4],
    ["params.count * 2 + params.rate", 10.5],
    ["params.count / 2", 2.5],
    ["5 / 2", 2],
    ["params.count % 2 == 1", true],
    ["params.count == 5 && params.count >= 5 && params.count < 6", true],
    ["params.list[params.count - 4]", 1],
    ["-params.count", -5],
    ["uint(3)", 3],
  ])("counts: %s is %j", (text, expected) => {
    expect(evaluateExpression(text, SCOPE)).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ["run.scheduledAt", "2027-03-14T07:30:00.000Z"],
    ["run", { ...SCOPE.run, scheduledAt: "2027-03-14T07:30:00.000Z" }],
    ['run.scheduledAt + duration("1h30m")', "2027-03-14T09:00:00.000Z"],
    ['run.scheduledAt - timestamp("2027-03-14T07:00:00Z")', "PT30M"],
    ['duration("36h")', "P1DT12H"],
    ['run.scheduledAt < timestamp("2028-01-01T00:00:00Z")', true],
    ["run.scheduledAt.getFullYear()", 2027],
    ["run.scheduledAt.getMonth()", 2],
    ["run.scheduledAt.getDate()", 14],
    ["run.scheduledAt.getDayOfMonth()", 13],
    ["run.scheduledAt.getDayOfWeek()", 0],
    ["run.scheduledAt.getDayOfYear()", 72],
    ["run.scheduledAt.getHours()", 7],
    ["run.scheduledAt.getMinutes()", 30],
    ["run.scheduledAt.getSeconds()", 0],
    ['timestamp("2027-01-01T00:00:00.123Z").getMilliseconds()', 123],
    ["run.scheduledAt.getHours(run.timeZone)", 3],
    ['run.scheduledAt.getHours("+05:45")', 13],
    ['run.scheduledAt.getHours("-08:00")', 23],
    ['run.scheduledAt.getDate("-08:00")', 13],
  ])("tells the time: %s is %j", (text, expected) => {
    expect(evaluateExpression(text, SCOPE)).toEqual(expected);
  });

  it("tells the time of each hour in zones whose clocks change, whatever zone the process is in", () => {
    const zone = process.env.TZ;
    try {
      for (const processZone of ["UTC", "America/New_York", "Asia/Kathmandu"]) {
        process.env.TZ = processZone;
        for (
          let at = Date.parse("2027-03-14T00:00:00Z");
          at < Date.parse("2027-03-15T00:00:00Z");
          at += 3_600_000
        ) {
          const scope = { ...SCOPE, run: { ...SCOPE.run, scheduledAt: at } };
          const hour = Number(
            new Intl.DateTimeFormat("en-US", {
              hour: "2-digit",
              hourCycle: "h23",
              timeZone: "America/New_York",
            }).format(at),
          );
          expect(evaluateExpression("run.scheduledAt.getHours(run.timeZone)", scope)).toBe(hour);
          expect(evaluateExpression("run.scheduledAt.getHours()", scope)).toBe(new Date(at).getUTCHours());
        }
      }
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  it.each<[string, unknown]>([
    // As in protocol buffers, a member that is null is not there, though it can be read.
    ["has(params.nothing)", false],
    ['"nothing" in params', false],
    ["type(params.nothing) == null_type", true],
    ['b"abc"', "YWJj"],
    ["int", "int"],
  ])("has these ways of CEL: %s is %j", (text, expected) => {
    expect(evaluateExpression(text, SCOPE)).toEqual(expected);
  });

  it.each([
    ["params.missing", "at character 7: field not found: missing"],
    ["nodes.later.state", "at character 6: field not found: later"],
    ["has(nodes.later.output.x)", "field not found: later"],
    ["params.list[3]", "index 3 out of bounds"],
    ['"a" + 1', "+ cannot be applied to (string, int)"],
    [
      'params.count + "a"',
      "at character 14: + cannot be applied to (double, string); numbers of JSON are doubles",
    ],
    ["!params.count", "at character 1: ! cannot be applied to (double)"],
    ["1 / 0", "int divide by zero"],
    ["params.rows.map(row, row.missing)", "at character 25: field not found: missing"],
    ['params.region.matches("[")', "error parsing regexp"],
    ['run.scheduledAt.getHours("Berlin")', "did you mean Europe/Berlin?"],
    ["1.0 / 0.0", "is Infinity, which is no number of JSON"],
    ["9007199254740993", "too large for a number of JSON"],
    [`bool("${"x".repeat(1_000)}")`, "Unable to convert"],
  ])("that goes wrong says how: %s: %s", (text, reason) => {
    expect(() => evaluateExpression(text, SCOPE, "nodes[0].when")).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        field: "nodes[0].when",
        message: expect.stringMatching(/^.{0,400}$/),
      }),
    );
    expect(() => evaluateExpression(text, SCOPE)).toThrow(reason);
  });
});

describe("a condition", () => {
  it.each([
    ["params.count", "is the number 5"],
    ["params.region", 'is the text "eu"'],
    ["params.list", "is a list"],
    ["params", "is a map"],
    ["params.nothing", "is null"],
    ["2", "is the number 2"],
    ["run.scheduledAt", "is a value of another type"],
  ])("must be true or false: %s %s", (text, reason) => {
    expect(() => evaluateCondition(text, SCOPE, "when")).toThrow(
      expect.objectContaining({
        code: "BAD_INPUT",
        field: "when",
        message: `${reason}, and must be true or false`,
      }),
    );
  });

  it("is what it is", () => {
    expect(evaluateCondition("params.on", SCOPE)).toBe(true);
    expect(evaluateCondition("params.count > 10", SCOPE)).toBe(false);
    expect(() => evaluateCondition("params.missing", SCOPE)).toThrow("field not found");
  });
});

describe("checkExpression", () => {
  it("tells what is read, each once", () => {
    expect(
      checkExpression(
        'params.a.b > params["c"] && nodes.x.output.rows[0].id == 1 && nodes["y-z"].state == states.w && params.a.z && nodes.x.output[params.i].q && has(nodes.v.output.u)',
        "when",
      ),
    ).toEqual({
      params: ["a", "c", "i"],
      nodes: [
        { key: "x", path: ["output", "rows", 0, "id"] },
        { key: "y-z", path: ["state"] },
        { key: "w", path: ["state"] },
        { key: "x", path: ["output"] },
        { key: "v", path: ["output", "u"] },
      ],
      allNodes: false,
    });
  });

  it.each([
    ["nodes", true],
    ["size(nodes) > 0", true],
    ["nodes[params.key].state", true],
    ["states.all(key, true)", true],
    ["nodes.x", false],
    // A variable of that name is another.
    ["params.list.all(nodes, nodes.x == 1)", false],
  ])("says whether %s may read any node: %s", (text, allNodes) => {
    expect(checkExpression(text, "when").allNodes).toBe(allNodes);
  });

  it.each([
    ["", 1, "a value is missing"],
    ["  ", 3, "a value is missing"],
    ["1 +", 3, '"+" cannot be read'],
    ["params.x = 1", 10, '"= 1" cannot be read'],
    ["params.x === 1", 10, '"=== 1" cannot be read'],
    ["a b", 3, '"b" cannot be read'],
    // Within brackets, too.
    ["params.list.exists(x, x = 1)", 25, '"= 1" cannot be read'],
    ["size(1, 2 3)", 11, '"3" cannot be read'],
    ["size([size({1: size(2 2)})])", 23, '"2" cannot be read'],
    ['{"a": params.x ? 1 : 2, "b" 3}', 29, '"3}" cannot be read'],
    ["[1, , 2]", 5, '", 2]" cannot be read'],
    ["(1", 1, '"(" is not closed'],
    ["[1)", 3, '")" closes nothing'],
    ["1]", 2, '"]" closes nothing'],
    ['"abc', 1, "the string is not closed"],
    ["'''a''", 1, "the string is not closed"],
    ["for", 1, "reserved"],
    ["'\\ud800'", 1, "surrogate"],
    ["params.`x`", 7, "cannot be read"],
    ["region == 1", 1, "there is no variable region: there are params, nodes, states, run"],
    ["params.x && foo.bar", 13, "there is no variable foo"],
    ["params.list.all(x, y)", 20, "there is no variable y"],
    ["params.list.all(x, x) && x", 26, "there is no variable x"],
    ["google.protobuf.Timestamp", 1, "there is no variable google"],
    ["int.x", 1, "there is no variable int"],
    ["google.protobuf.Value{}", 1, "messages cannot be made"],
    ["foo(1)", 1, "there is no function foo"],
    ["params.x.foo()", 9, "there is no function foo"],
    ["size(1, 2)", 1, "size does not take 2 values"],
    ["startsWith('a', 'b')", 1, "startsWith does not take 2 values"],
    ["'a'.startsWith()", 4, "startsWith does not take 0 values"],
    ["params.list.all(x)", 12, "all is written list.all(x, condition)"],
    ["params.list.map(1, 2)", 12, "map is written list.map(x, value)"],
    ["has(params)", 1, "has is written has(params.name)"],
    ["@weigh(1)", 1, "cannot be read"],
    ["params.list.all(@result, true)", 17, "cannot be read"],
  ])("refuses %s at character %d: %s", (text, character, reason) => {
    const refusal = expect.objectContaining({
      code: "BAD_INPUT",
      field: "nodes[0].when",
      message: expect.stringMatching(
        new RegExp(`^at character ${character}: .*${reason.replaceAll(/[[\](){}.+]/g, "\\$&")}`),
      ),
    });
    expect(() => checkExpression(text, "nodes[0].when")).toThrow(refusal);
    expect(() => evaluateExpression(text, SCOPE, "nodes[0].when")).toThrow(refusal);
  });
});

describe("too much of an expression is refused", () => {
  it.each([
    ["characters", "1".repeat(2_001), "at character 2001: is longer than 2000"],
    ["sums", `${"1+".repeat(400)}1`, "is more than 250 levels deep"],
    ["members", `params${".a".repeat(300)}`, "is more than 250 steps deep"],
    ["brackets", `${"(".repeat(33)}1${")".repeat(33)}`, "at character 33: is more than 32 brackets deep"],
  ])("%s", (_, text, reason) => {
    expect(() => checkExpression(text, "when")).toThrow(reason);
  });
});

describe("nothing else is reached", () => {
  const NAMES = [
    ..."constructor __proto__ prototype toString valueOf hasOwnProperty length globalThis process require eval".split(
      " ",
    ),
    ..."Function Object console module import this self window root global arguments undefined NaN".split(
      " ",
    ),
  ];

  it.each(NAMES)("by the name %s", (name) => {
    const scope = { ...SCOPE, params: { list: [1], text: "x", object: {}, number: 1 } };
    for (const text of [
      name,
      `${name}()`,
      `params.${name}`,
      `params["${name}"]`,
      `params.${name}()`,
      `params.object.${name}`,
      `params.list.${name}`,
      `params.list["${name}"]`,
      `params.text.${name}`,
      `params.text["${name}"]`,
      `params.number.${name}`,
      `nodes.${name}`,
      `nodes.extract.${name}`,
      `states.${name}`,
      `run.${name}`,
      `"x".${name}`,
      `[1].${name}`,
      `{"a": 1}.${name}`,
      `int.${name}`,
      `run.scheduledAt.${name}`,
      `params.list.map(x, x.${name})`,
    ])
      expect(() => evaluateExpression(text, scope), text).toThrow(Rejection);
  });

  it("but what is there by such a name is", () => {
    const scope = {
      ...SCOPE,
      params: JSON.parse('{"__proto__": {"x": 1}, "constructor": 2, "a": {"length": 3}}'),
    };
    expect(evaluateExpression('params["__proto__"].x + params.constructor + params.a.length', scope)).toBe(6);
    expect(JSON.stringify(evaluateExpression("params", scope))).toBe(
      '{"__proto__":{"x":1},"constructor":2,"a":{"length":3}}',
    );
  });

  it("and nothing is changed", () => {
    const before = JSON.stringify(SCOPE);
    const frozen = structuredClone(SCOPE);
    evaluateExpression("params.list + params.list.map(x, x + 1)", frozen);
    expect(() => evaluateExpression("params.list.map(x, x.y)", frozen)).toThrow(Rejection);
    expect(JSON.stringify(frozen)).toBe(before);
    expect(Error.stackTraceLimit).toBeGreaterThan(0);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe("what is compiled", () => {
  it("is kept, until five hundred others were used since", () => {
    const first = programOf("1 + 1 == 2");
    for (let n = 0; n < 499; n++) programOf(`${n}`);
    expect(programOf("1 + 1 == 2")).toBe(first);
    for (let n = 0; n < 499; n++) programOf(`-${n}`);
    expect(programOf("1 + 1 == 2")).toBe(first);
    for (let n = 0; n < 500; n++) programOf(`${n}.5`);
    expect(programOf("1 + 1 == 2")).not.toBe(first);
  });

  it("is the same for each scope", () => {
    for (let count = 0; count < 20; count++) {
      const scope = { ...SCOPE, params: { count, list: Array(count).fill(0) } };
      expect(evaluateExpression("params.list.map(x, x + 1).size() == params.count", scope)).toBe(true);
    }
  });
});

describe("any text", () => {
  const PIECES = [
    ..."()[]{},.:?!+-*/%<>='\"\\ 019xn",
    "params.",
    "params.list",
    "params.rows",
    "nodes.extract.output",
    "states",
    "run.scheduledAt",
    ".map(x, ",
    ".filter(x, ",
    ".all(y, ",
    ".exists(z, ",
    "has(params.list)",
    "size(",
    "string(",
    "timestamp(",
    ".matches('a+')",
    ".getHours()",
    " && ",
    " || ",
    " == ",
    " in ",
    " ? ",
    " : ",
    "[1, 2]",
    '{"a": 1}',
    "true",
    "null",
    '"text"',
    "1.5",
    "x",
    "y",
    ")",
  ];

  it("is evaluated to JSON or rejected", () => {
    const texts = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join("")),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const value = evaluateExpression(text, SCOPE);
          expect(JSON.parse(JSON.stringify(value))).toEqual(value);
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
        }
      }),
      { numRuns: 800 },
    );
  });

  it("that is well formed is evaluated to JSON or rejected, and mostly evaluated", () => {
    const { expr } = fc.letrec<{ expr: string }>((tie) => {
      const sub = tie("expr");
      return {
        expr: fc.oneof(
          { maxDepth: 4, depthSize: "small" },
          fc.constantFrom(
            "params.list",
            "params.rows",
            "params.count",
            "params.region",
            "states",
            "1",
            "2.5",
            "true",
            '"a"',
            "null",
          ),
          fc
            .tuple(sub, fc.constantFrom("+", "==", "!=", "&&", "||", "<", "in", "*"), sub)
            .map(([a, op, b]) => `(${a} ${op} ${b})`),
          fc
            .tuple(sub, fc.constantFrom("map", "filter", "all", "exists", "exists_one"), sub)
            .map(([a, macro, b]) => `${a}.${macro}(v, ${b})`),
          fc.tuple(sub, sub, sub).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
          fc.array(sub, { maxLength: 3 }).map((list) => `[${list.join(", ")}]`),
          fc.tuple(fc.constantFrom("size", "string", "type", "dyn"), sub).map(([name, a]) => `${name}(${a})`),
          fc.tuple(sub, sub).map(([a, b]) => `${a}[${b}]`),
        ),
      };
    });
    let evaluated = 0;
    fc.assert(
      fc.property(expr, (text) => {
        try {
          const value = evaluateExpression(text, SCOPE);
          expect(JSON.parse(JSON.stringify(value))).toEqual(value);
          evaluated++;
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
        }
      }),
      { numRuns: 600 },
    );
    expect(evaluated).toBeGreaterThan(100);
  });
});
