/** No expression that is accepted takes long, whatever it says and is given; and what anybody needs is within the limits. */
import { describe, expect, it } from "vitest";
import { checkExpression, evaluateExpression } from "../../server/core/expression/expression.ts";
import { regexSize } from "../../server/core/expression/regex-size.ts";
import type { Members, Scope } from "../../server/core/params/scope.ts";
import { Rejection } from "../../server/core/rejection.ts";

/** Several times what any of them takes, of the processor: on a busy machine the clock goes on without us. */
const LIMIT_MS = 400;

function quickly<T>(label: string, attempt: () => T): T {
  let fastest = Number.POSITIVE_INFINITY;
  // Code is slow when it runs for the first time.
  for (let attempts = 0; attempts < 3; attempts++) {
    const before = process.cpuUsage();
    const result = attempt();
    const { user, system } = process.cpuUsage(before);
    fastest = Math.min(fastest, (user + system) / 1000);
    if (fastest < LIMIT_MS) return result;
  }
  throw new Error(`${label} took ${Math.round(fastest)} ms`);
}

const scopeOf = (params: Members): Scope => ({
  params,
  nodes: {},
  run: { id: "1", job: "j", namespace: "default", scheduledAt: 0, timeZone: "UTC" },
});

const text = "a".repeat(250_000);
const digits = "9".repeat(100_000);
const names = Array.from({ length: 1_000 }, (_, n) => `id-${n}`);
const numbers = Array.from({ length: 120_000 }, (_, n) => n % 10);
const objects = Array.from({ length: 20_000 }, (_, n) => ({ a: n, b: [n] }));
const wide = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`k${n}`, n]));
const ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 0]";

describe("within the limits are", () => {
  it.each<[string, string, Members, unknown]>([
    [
      "a thousand names in a list of a thousand",
      "params.a.all(x, !(x in params.b))",
      { a: names, b: names.map((n) => `${n}!`) },
      true,
    ],
    ["twenty thousand objects, looked at one by one", "params.a.all(x, x.a >= 0)", { a: objects }, true],
    [
      "ten thousand, made into others",
      "params.a.map(x, x.a + 1).size()",
      { a: objects.slice(0, 10_000) },
      10_000,
    ],
    ["two large equal values", "params.a == params.b", { a: objects, b: structuredClone(objects) }, true],
    ["a thousand matches", 'params.a.all(x, x.matches("^id-[0-9]+$"))', { a: names }, true],
    ["a large text, searched through", 'params.t.contains("b")', { t: text }, false],
    ["a large text, matched", 'params.t.matches("^a+$")', { t: text.slice(0, 50_000) }, true],
    ["the size of a list as large as an input", "size(params.a)", { a: numbers }, 120_000],
  ])("%s", (_, expression, params, expected) => {
    expect(quickly(expression, () => evaluateExpression(expression, scopeOf(params)))).toBe(expected);
  });
});

describe("ended early are", () => {
  it.each<[string, string, Members]>([
    [
      "lists within lists within lists",
      "params.a.all(x, params.a.all(y, params.a.all(z, z >= 0)))",
      { a: numbers },
    ],
    [
      "lists that are written out",
      `${ten}.all(a, ${ten}.all(b, ${ten}.all(c, ${ten}.all(d, ${ten}.all(e, ${ten}.all(f, ${ten}.all(g, true)))))))`,
      {},
    ],
    ["what an || hides", "params.a.all(x, params.a.all(y, params.a.all(z, z >= 0))) || true", { a: numbers }],
    [
      "errors for each element",
      "params.a.all(x, params.a.all(y, y.missing))",
      { a: numbers.slice(0, 5_000) },
    ],
    ["a text that doubles", `["a"]${".map(x, x + x)".repeat(60)}[0].size()`, {}],
    ["a list that doubles", `[[1]]${".map(x, x + x)".repeat(60)}[0].size()`, {}],
    ["a list that doubles, as a result", `[[1]]${".map(x, x + x)".repeat(19)}[0]`, {}],
    ["lists that hold the same twice, as a result", `[[1]]${".map(x, [x, x])".repeat(60)}[0]`, {}],
    [
      "lists that hold the same twice, compared",
      `[[1]]${".map(x, [x, x])".repeat(60)}.all(x, x == x[0])`,
      {},
    ],
    [
      "comparisons of large values",
      Array(60).fill("params.a == params.b").join(" && "),
      { a: objects, b: structuredClone(objects) },
    ],
    [
      "a large map, walked through for its first key",
      "params.a.all(x, params.m.exists(k, true))",
      { a: numbers, m: wide },
    ],
    [
      "a large map, searched for a number",
      "params.a.all(x, params.m[1] == 1 || true)",
      { a: numbers.slice(0, 10_000), m: wide },
    ],
    ["a pattern that counts", 'params.t.matches("a{1000}$")', { t: text }],
    [
      "a pattern that counts counts",
      'params.a.all(x, x.matches("((a?){30}){30}$") || true)',
      { a: Array(500).fill("a".repeat(30)) },
    ],
    ["a pattern that would backtrack", 'params.t.matches("(a+)+$")', { t: text }],
    [
      "patterns for each element",
      'params.a.all(x, params.t.matches("(a|b)*c") || true)',
      { a: names, t: text.slice(0, 1_000) },
    ],
    ["numbers out of long texts", "params.a.all(x, int(params.t) == 0 || true)", { a: names, t: digits }],
    ["sizes of long texts", Array(100).fill("params.t.size()").join(" + "), { t: text }],
    [
      "long texts, searched",
      Array(50).fill("params.t.contains(params.u)").join(" || "),
      { t: text, u: `${text.slice(0, 100_000)}b` },
    ],
    [
      "time zones for each element",
      'params.a.all(x, run.scheduledAt.getHours("Europe/Berlin") >= 0)',
      { a: numbers.slice(0, 20_000) },
    ],
    ["more values than are converted", "size(params.a)", { a: Array(260_000).fill(0) }],
    ["a result that is larger than an input", "params.a + params.a", { a: numbers }],
  ])("%s", (_, expression, params) => {
    quickly(expression, () =>
      expect(() => evaluateExpression(expression, scopeOf(params))).toThrow(
        expect.objectContaining({ code: "LIMIT_EXCEEDED", field: "expression" }),
      ),
    );
  });

  it("what is too deep", () => {
    const deep = Array.from({ length: 5_000 }).reduce<unknown>((value) => [value], 1);
    expect(() => evaluateExpression("size(params.a)", scopeOf({ a: deep }))).toThrow("100 levels deep");
    const nested = `[[1]]${".map(x, [x])".repeat(120)}[0]`;
    expect(() => evaluateExpression(nested, scopeOf({}))).toThrow("100 levels deep");
  });
});

describe("read or refused soon are", () => {
  it.each([
    ["open parentheses", "(".repeat(2_000)],
    ["open lists", "[".repeat(32)],
    ["open maps", "{1:".repeat(32)],
    ["open calls", "size(".repeat(32)],
    ["open conditions", "(params.a ? ".repeat(32)],
    ["closed ones with a slip at the end", `${"(".repeat(32)}1 1${")".repeat(32)}`],
    ["macros within macros", `${"params.a.all(x, ".repeat(32)}true${")".repeat(32)}`],
    ["many slips", "(1 1)".repeat(400)],
    ["many operators", `${"1+".repeat(240)}1`],
    ["too many operators", `${"1+".repeat(999)}1`],
    ["many signs", `${"-".repeat(1_999)}1`],
    ["many negations", `${"!".repeat(1_996)}true`],
    ["many members", `params${".a".repeat(997)}`],
    ["many conditions", `${"params.on?1:".repeat(160)}1`],
    ["many alternatives", `${"true||".repeat(330)}true`],
    ["a long list", `[${"1,".repeat(990)}1]`],
    ["quotes", '"'.repeat(2_000)],
    ["comments", "//".repeat(1_000)],
    ["blanks", " ".repeat(2_000)],
    ["a long number", "9".repeat(2_000)],
    ["a text of a megabyte", "params.".repeat(150_000)],
  ])("%s", (_, expression) => {
    quickly(expression.slice(0, 20), () => {
      try {
        checkExpression(expression, "when");
        evaluateExpression(expression, scopeOf({ on: true, a: [1] }));
      } catch (error) {
        expect(error).toBeInstanceOf(Rejection);
      }
    });
  });
});

describe("the size of a pattern", () => {
  it.each([
    ["", 1],
    ["abc", 4],
    ["a{1000}", 1_002],
    ["a{2,30}", 32],
    ["a{5,}", 7],
    ["(ab){10}", 35],
    ["((a?){30}){30}", 3_000],
    ["[a-z]{10}", 12],
    ["[]{9}]", 2],
    ["\\d{10}", 12],
    ["\\{10}", 5],
    ["a{x}", 4],
    ["(((", 4],
  ])("%s is about %d", (pattern, size) => {
    expect(regexSize(pattern)).toBeGreaterThanOrEqual(size * 0.9);
    expect(regexSize(pattern)).toBeLessThanOrEqual(size * 1.2 + 1);
  });
});
