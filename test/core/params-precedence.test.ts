/** D8, precedence: start-up over local over upstream over global over project; and definitions that name one another. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkParams, resolveParams } from "../../server/core/params/definitions.ts";
import { effectiveParams, type ParamSources } from "../../server/core/params/precedence.ts";
import type { TemplateScope } from "../../server/core/params/scope.ts";
import { resolveTemplate } from "../../server/core/params/template.ts";
import { Rejection } from "../../server/core/rejection.ts";

const ALL: ParamSources = {
  startup: { x: "startup" },
  local: { x: "local" },
  upstream: [{ node: "a", endedAt: 1, output: { x: "upstream" } }],
  global: { x: "global" },
  project: { x: "project" },
};

describe("D8 of several parameters of one name", () => {
  it.each<[keyof ParamSources, (keyof ParamSources)[]]>([
    ["startup", []],
    ["local", ["startup"]],
    ["upstream", ["startup", "local"]],
    ["global", ["startup", "local", "upstream"]],
    ["project", ["startup", "local", "upstream", "global"]],
  ])("that of %s counts without %j", (source, absent) => {
    const sources = { ...ALL };
    for (const each of absent) delete sources[each];
    expect(effectiveParams(sources)).toEqual({
      values: { x: source },
      origins: { x: source === "upstream" ? { source, node: "a" } : { source } },
    });
  });

  it.each<[string, [string, number, unknown][], unknown, string]>([
    [
      "the earliest finished",
      [
        ["late", 20, "2"],
        ["early", 10, "1"],
      ],
      "1",
      "early",
    ],
    [
      "the earliest finished, in any order",
      [
        ["early", 10, "1"],
        ["late", 20, "2"],
      ],
      "1",
      "early",
    ],
    [
      "the first that is not empty",
      [
        ["early", 10, ""],
        ["late", 20, "2"],
      ],
      "2",
      "late",
    ],
    [
      "the first that is not null",
      [
        ["early", 10, null],
        ["late", 20, "2"],
        ["later", 30, "3"],
      ],
      "2",
      "late",
    ],
    [
      "the earliest of empty ones",
      [
        ["late", 20, null],
        ["early", 10, ""],
      ],
      "",
      "early",
    ],
    [
      "of one millisecond, the first key",
      [
        ["b", 10, "2"],
        ["a", 10, "1"],
      ],
      "1",
      "a",
    ],
    [
      "zero and false, which are not empty",
      [
        ["early", 10, 0],
        ["late", 20, false],
      ],
      0,
      "early",
    ],
    [
      "an empty list, which is not empty",
      [
        ["early", 10, []],
        ["late", 20, [1]],
      ],
      [],
      "early",
    ],
  ])("from several upstreams: %s", (_, upstream, value, node) => {
    const outputs = upstream.map(([key, endedAt, x]) => ({ node: key, endedAt, output: { x } }));
    expect(effectiveParams({ upstream: outputs, global: { x: "global" } })).toEqual({
      values: { x: value },
      origins: { x: { source: "upstream", node } },
    });
  });

  it("an empty one that is there counts, one that is undefined does not", () => {
    expect(effectiveParams({ local: { x: "", y: undefined }, global: { x: 1, y: 2 } }).values).toEqual({
      x: "",
      y: 2,
    });
  });

  it("an output that is no object has no parameters", () => {
    for (const output of [undefined, null, "x", 5, ["x"]])
      expect(effectiveParams({ upstream: [{ node: "a", endedAt: 1, output }] }).values).toEqual({});
    expect(effectiveParams({})).toEqual({ values: {}, origins: {} });
  });

  it("a name is only a name", () => {
    const global = JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}');
    const { values, origins } = effectiveParams({ global });
    expect(JSON.stringify(values)).toBe('{"__proto__":1,"constructor":2,"toString":3}');
    expect(Object.keys(origins)).toEqual(["__proto__", "constructor", "toString"]);
    expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
  });

  it("does not depend on the order of upstreams, and tells of each value where it came from", () => {
    const values = fc.constantFrom<unknown>(null, "", "a", 1);
    const params = fc.dictionary(fc.constantFrom("x", "y", "z"), values, { noNullPrototype: true });
    const outputs = fc.uniqueArray(
      fc.record({
        node: fc.constantFrom("a", "b", "c", "d"),
        endedAt: fc.integer({ min: 0, max: 3 }),
        output: params,
      }),
      { selector: ({ node }) => node },
    );
    fc.assert(
      fc.property(params, params, outputs, params, params, (startup, local, upstream, global, project) => {
        const sources = { startup, local, upstream, global, project };
        const found = effectiveParams(sources);
        expect(effectiveParams({ ...sources, upstream: upstream.toReversed() })).toEqual(found);
        for (const [name, origin] of Object.entries(found.origins)) {
          const from =
            origin.source === "upstream"
              ? upstream.find(({ node }) => node === origin.node)?.output
              : sources[origin.source];
          expect(from?.[name]).toBe(found.values[name]);
        }
      }),
    );
  });
});

const SCOPE: TemplateScope = {
  params: { outer: "params" },
  names: { outer: "names", x: "outer x" },
  nodes: { extract: { state: "SUCCEEDED", output: { rows: 3 } } },
  run: {
    id: "run-1",
    job: "nightly",
    namespace: "default",
    scheduledAt: Date.parse("2022-08-26T00:00:00Z"),
    timeZone: "UTC",
  },
};

describe("D8 definitions of parameters", () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    // A custom parameter that is itself a time expression, from the page on combinations.
    ["a time", { partition_date: "$[yyyyMMdd]" }, { partition_date: "20220826" }],
    ["a built-in name", { global_bizdate: "${system.biz.date}" }, { global_bizdate: "20220825" }],
    // A chain, as DolphinScheduler's source has it.
    ["one another", { var1: "${var2}", var2: 1 }, { var1: 1, var2: 1 }],
    [
      "a long chain",
      { a: "${b}!", b: "${params.c}", c: "${d}", d: "$[yyyy]" },
      { a: "2022!", b: "2022", c: "2022", d: "2022" },
    ],
    ["what is outside", { a: "${outer}", b: "${params.outer}" }, { a: "names", b: "params" }],
    ["the parameter outside that they replace", { x: "${x} and more" }, { x: "outer x and more" }],
    ["a node's output", { rows: "${nodes.extract.output.rows}" }, { rows: 3 }],
    ["values of any kind", { o: { list: ["${n}"] }, n: 5 }, { o: { list: [5] }, n: 5 }],
    ["a fallback", { a: "${missing:-7}" }, { a: 7 }],
    ["an odd name", JSON.parse('{"__proto__": "${b}", "b": 1}'), JSON.parse('{"__proto__": 1, "b": 1}')],
  ])("may read %s", (_, definitions, expected) => {
    checkParams(definitions, "params", "global");
    expect(resolveParams(definitions, SCOPE, "global")).toEqual(expected);
  });

  it("give way to what was given at the start, also for those that read them", () => {
    const definitions = { day: "$[yyyyMMdd]", path: "/data/${day}", unused: "${missing}" };
    const startup = { day: "20200101", unused: "given" };
    const values = resolveParams(definitions, SCOPE, "global", startup);
    expect(values).toEqual({ path: "/data/20200101" });
    expect(effectiveParams({ startup, global: values }).values).toEqual({
      ...startup,
      path: "/data/20200101",
    });
  });

  it("of a node read the workflow's as params, and each other by their names", () => {
    const definitions = { outer: "${params.outer} of mine", x: "${outer}", y: "${params.x:-none} ${x}" };
    const expected = { outer: "params of mine", x: "params of mine", y: "none params of mine" };
    expect(resolveParams(definitions, SCOPE, "local")).toEqual(expected);
    expect(checkParams(definitions, "params", "local")).toMatchObject({ names: [], params: ["outer", "x"] });
    expect(checkParams({ a: "${params.b}", b: "${a}" }, "params", "local").params).toEqual(["b"]);
  });

  it("that are given are data, whatever they look like", () => {
    const startup = { a: "$[yyyy] ${secrets.db}" };
    expect(resolveParams({ b: "${a}" }, SCOPE, "global", startup)).toEqual({ b: "$[yyyy] ${secrets.db}" });
    const scope = { ...SCOPE, names: effectiveParams({ startup }).values };
    expect(resolveTemplate("${a}", scope)).toEqual({ value: "$[yyyy] ${secrets.db}", secrets: [] });
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ["that need each other", { a: "${b}", b: { c: "${params.a}" } }, "params.a", "needs itself: a → b → a"],
    ["with a secret", { a: "x${secrets.db}" }, "params.a", "refer to the secret db where it is used"],
    ["with a slip", { a: ["${"] }, "params.a[0]", "at character 1"],
    [
      "that are too many",
      Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`p${n}`, 1])),
      "params",
      "at most 1000",
    ],
  ])("%s are refused", (_, definitions, field, reason) => {
    for (const refuse of [
      () => checkParams(definitions, "params", "global"),
      () => resolveParams(definitions, SCOPE, "global"),
    ])
      expect(refuse).toThrow(
        expect.objectContaining({ code: "BAD_INPUT", field, message: expect.stringContaining(reason) }),
      );
  });

  it("that read what is not there are refused when they are resolved", () => {
    expect(() => resolveParams({ "a b": "${missing}" }, SCOPE, "local")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field: 'params["a b"]' }),
    );
  });

  it("tell what they read that is not among them", () => {
    const definitions = {
      a: "${b} ${dt} ${params.region}",
      b: "${b:-1} ${nodes.x.state}",
      c: "${nodes.x.state} $[yyyy]",
    };
    expect(checkParams(definitions, "params", "global")).toEqual({
      params: ["region"],
      names: ["dt", "b"],
      nodes: [{ key: "x", path: ["state"] }],
      secrets: [],
      time: true,
    });
  });

  it("that double one another are no larger than an input, and a chain of a thousand is none too long", () => {
    const doubling = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`p${n}`, n === 0 ? "x" : `\${p${n - 1}}\${p${n - 1}}`]),
    );
    expect(() => resolveParams(doubling, SCOPE, "local")).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
    const large = "x".repeat(200_000);
    expect(Object.keys(resolveParams({ a: large }, SCOPE, "local"))).toEqual(["a"]);
    expect(() => resolveParams({ a: large, b: large }, SCOPE, "local")).toThrow("256 KiB");
    const chain = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, n) => [`p${n}`, n === 999 ? "end" : `\${p${n + 1}}`]),
    );
    expect(resolveParams(chain, SCOPE, "global").p0).toBe("end");
  });

  it("are resolved or rejected, whatever they are", () => {
    const value = fc
      .array(
        fc.constantFrom("${a}", "${b}", "${params.c}", "${d:-x}", "$[yyyy]", "${secrets.s}", "text", "$"),
        { maxLength: 4 },
      )
      .map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("a", "b", "c", "d", "x"), value, { noNullPrototype: true }),
        (definitions) => {
          try {
            const { names, params } = checkParams(definitions, "params", "global");
            const values = resolveParams(
              definitions,
              { ...SCOPE, names: { a: 1, b: 2, c: 3 }, params: { a: 1, b: 2, c: 3 } },
              "global",
            );
            expect(Object.keys(values).sort()).toEqual(Object.keys(definitions).sort());
            for (const name of [...names, ...params])
              expect(
                !Object.hasOwn(definitions, name) || JSON.stringify(definitions[name]).includes(name),
              ).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(Rejection);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
