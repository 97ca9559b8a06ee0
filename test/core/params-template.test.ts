/** D8, references in templates: what they find, what they become, what is refused where, and that nothing gets past the escapes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { RESULT_BYTES } from "../../server/core/params/json-tree.ts";
import type { TemplateScope } from "../../server/core/params/scope.ts";
import { checkTemplate, resolveTemplate } from "../../server/core/params/template.ts";
import { Rejection } from "../../server/core/rejection.ts";
import { fillSecrets, inJson } from "../../server/core/secret-reference.ts";

const SCOPE: TemplateScope = {
  params: {
    region: "eu",
    count: 3,
    rate: 0.5,
    on: true,
    nothing: null,
    empty: "",
    list: [1, { a: "x" }],
    "odd name": "odd",
    größe: 4,
    deep: { a: [{ b: "found" }] },
    dollar: "$",
    sly: "${secrets.db} $[yyyy] ${params.region}",
    constructor: "own",
  },
  names: { dt: "20220826", count: 9, table: { name: "t" }, offset: -1, days: 7 },
  nodes: {
    extract: { state: "SUCCEEDED", output: { rows: [{ id: 7 }], path: "/tmp/x" } },
    "load-x": { state: "FAILED" },
    "a.b": { state: "SKIPPED", output: null },
  },
  run: {
    id: "run-1",
    job: "nightly",
    namespace: "default",
    scheduledAt: Date.parse("2022-08-26T00:00:00+08:00"),
    timeZone: "Asia/Shanghai",
  },
  node: { key: "load", id: "run-2" },
};

const resolve = (template: unknown) => resolveTemplate(template, SCOPE).value;

describe("D8 a string that is one reference becomes the value itself", () => {
  it.each<[string, unknown]>([
    ["${params.region}", "eu"],
    ["${params.count}", 3],
    ["${params.rate}", 0.5],
    ["${params.on}", true],
    ["${params.nothing}", null],
    ["${params.empty}", ""],
    ["${params.list}", [1, { a: "x" }]],
    ["${params.list[1].a}", "x"],
    ["${params.deep.a[0].b}", "found"],
    ['${params["odd name"]}', "odd"],
    ['${params["\\u0063ount"]}', 3],
    ["${params.größe}", 4],
    ["${params.constructor}", "own"],
    ["${params}", SCOPE.params],
    ["${nodes.extract.output}", { rows: [{ id: 7 }], path: "/tmp/x" }],
    ["${nodes.extract.output.rows[0].id}", 7],
    ["${nodes.extract.state}", "SUCCEEDED"],
    ["${nodes.load-x.state}", "FAILED"],
    ['${nodes["a.b"].state}', "SKIPPED"],
    ['${nodes["a.b"].output}', null],
    ["${run.id}", "run-1"],
    ["${run.job}", "nightly"],
    ["${run.namespace}", "default"],
    ["${run.scheduledAt}", "2022-08-25T16:00:00.000Z"],
    // The plain form goes by precedence, of which `params` knows nothing.
    ["${dt}", "20220826"],
    ["${count}", 9],
    ["${table.name}", "t"],
  ])("%s", (template, expected) => {
    expect(resolve(template)).toEqual(expected);
    expect(resolve({ a: [template] })).toEqual({ a: [expected] });
  });
});

describe("D8 within a longer text", () => {
  it.each([
    ["in ${params.region}!", "in eu!"],
    ["${params.count}${params.rate}", "30.5"],
    [" ${params.on}", " true"],
    ["${params.nothing} ", "null "],
    ["[${params.empty}]", "[]"],
    ["rows: ${params.list}", 'rows: [1,{"a":"x"}]'],
    ["${nodes.extract.output.path}/${nodes.extract.output.rows}", '/tmp/x/[{"id":7}]'],
    ["costs 5$, {not} a [reference] $x $(y) $", "costs 5$, {not} a [reference] $x $(y) $"],
  ])("%s is %s", (template, expected) => {
    expect(resolve(template)).toBe(expected);
  });
});

describe("D8 built-in names of DolphinScheduler", () => {
  it.each([
    ["${system.biz.date}", "20220825"],
    ["${system.biz.curdate}", "20220826"],
    ["${system.datetime}", "20220826000000"],
    ["${system.workflow.instance.id}", "run-1"],
    ["${system.workflow.definition.name}", "nightly"],
    ["${system.project.name}", "default"],
    ["${system.task.definition.name}", "load"],
    ["${system.task.instance.id}", "run-2"],
    // A shell script as the page on built-in parameters has it.
    ['echo "biz.date        = ${system.biz.date}"', 'echo "biz.date        = 20220825"'],
    // What the page on combinations has: several dates of one time, a path of both forms, a query, an offset by name.
    ["run_date=$[yyyy-MM-dd]", "run_date=2022-08-26"],
    ["prev_date=$[yyyy-MM-dd-1]", "prev_date=2022-08-25"],
    ["month_start=$[month_first_day(yyyy-MM-dd,0)]", "month_start=2022-08-01"],
    ["/data/${system.project.name}/dt=$[yyyyMMdd]", "/data/default/dt=20220826"],
    [
      "dt = '${system.biz.date}' AND t >= '$[yyyy-MM-dd HH:mm:ss-1]' AND t < '$[yyyy-MM-dd HH:mm:ss]'",
      "dt = '20220825' AND t >= '2022-08-25 00:00:00' AND t < '2022-08-26 00:00:00'",
    ],
    ["$[yyyyMMdd${offset}]", "20220825"],
    ["$[yyyyMMdd-${days}]", "20220819"],
    ["$[yyyyMMdd-${weeks:-2}*7]", "20220812"],
    ["$[yyyy'[]'MM]", "2022[]08"],
    // What a reference gives is never read again, in either form.
    ["${params.sly}", "${secrets.db} $[yyyy] ${params.region}"],
  ])("%s is %s", (template, expected) => {
    expect(resolve(template)).toBe(expected);
  });

  it("count days of the calendar, also on one of 23 hours", () => {
    const run = {
      ...SCOPE.run,
      scheduledAt: Date.parse("2027-03-15T00:30:00-04:00"),
      timeZone: "America/New_York",
    };
    expect(resolveTemplate("${system.biz.date}", { ...SCOPE, run }).value).toBe("20270314");
  });

  it.each([
    ["${system.task.execute.path}", "only the worker knows"],
    ["${system.workflow.definition.code}", "use system.workflow.definition.name"],
    ["${system.task.definition.code}", "use system.task.definition.name"],
    ["${system.project.code}", "use system.project.name"],
    ["${system.biz}", "there are system.biz.date"],
    ["${system[0]}", "there are system.biz.date"],
  ])("%s is refused: %s", (template, reason) => {
    expect(() => checkTemplate(template, "input")).toThrow(reason);
  });
});

describe("a fallback", () => {
  it.each<[string, unknown]>([
    ["${params.missing:-none}", "none"],
    ["${params.nothing:-none}", "none"],
    ["${params.empty:-none}", "none"],
    ["${params.region:-none}", "eu"],
    ["${params.on:-none}", true],
    ["${missing:-}", ""],
    ["${nodes.later.output.x:-none}", "none"],
    ["${nodes.load-x.output:-none}", "none"],
    // What JSON writes exactly so is that; all else is text.
    ["${params.missing:-10}", 10],
    ["${params.missing:--1.5}", -1.5],
    ["${params.missing:-true}", true],
    ["${params.missing:-null}", null],
    ["${params.missing:-[]}", []],
    ["${params.missing:-[1,2]}", [1, 2]],
    ["${params.missing:-1.10}", "1.10"],
    ["${params.missing:-01234}", "01234"],
    ["${params.missing:-1e3}", "1e3"],
    ["${params.missing:- 10}", " 10"],
    ['${params.missing:-"10"}', "10"],
    ['${params.missing:-"a } b {c} ${d}"}', "a } b {c} ${d}"],
    ['${params.missing:-say "hi"}', 'say "hi"'],
    ["is ${params.missing:-1.10}", "is 1.10"],
    ['is ${params.missing:-"10"}', "is 10"],
    ["is ${params.missing:-[1, 2]}", "is [1, 2]"],
    ["is ${params.missing:-:-}", "is :-"],
  ])("%s is %j", (template, expected) => {
    expect(resolve(template)).toEqual(expected);
  });
});

describe("an escape", () => {
  it.each([
    ["$${HOME}", "${HOME}"],
    ["$$[0-9]", "$[0-9]"],
    ["$${params.region} is ${params.region}", "${params.region} is eu"],
    // Two dollar signs are one before a brace, and only there.
    ["$$${params.region}", "$eu"],
    ["$$$${params.region}", "$${params.region}"],
    ["$$$$${params.region}", "$$eu"],
    ["$$ $$$ $$", "$$ $$$ $$"],
    // What a script prints to name an output is the script's own.
    ["echo '${setValue(rows=12)}' ${params.region}", "echo '${setValue(rows=12)}' eu"],
    ["kill $$; echo $${x}", "kill $$; echo ${x}"],
    // Neither of the two parts was a reference.
    ["${params.dollar}{params.region}", "${params.region}"],
  ])("%s is %s", (template, expected) => {
    expect(resolve(template)).toBe(expected);
  });
});

/** What a worker is given, as the claim makes it. */
function filled(value: unknown, secrets: Record<string, string>): unknown {
  const find = (name: string) =>
    Object.hasOwn(secrets, name)
      ? { value: inJson(secrets[name] ?? "") }
      : { fault: `there is no secret ${name}` };
  const result = fillSecrets(JSON.stringify(value), find, 10_000_000);
  if ("fault" in result) throw new Error(result.fault);
  return JSON.parse(result.json);
}

describe("a secret", () => {
  it("stays a reference until it is filled in", () => {
    const { value, secrets } = resolveTemplate(
      { url: "https://${secrets.user}:${secrets.password}@${params.region}", key: '${secrets["odd.name"]}' },
      SCOPE,
    );
    expect(value).toEqual({
      url: "https://${secrets.user}:${secrets.password}@eu",
      key: "${secrets.odd.name}",
    });
    expect(secrets).toEqual(["user", "password", "odd.name"]);
    expect(filled(value, { user: "u", password: "${secrets.user}$[", "odd.name": "o" })).toEqual({
      url: "https://u:${secrets.user}$[@eu",
      key: "o",
    });
  });

  it.each<[string, unknown, unknown]>([
    ["out of a parameter", ["${secrets.a}", "${params.sly}"], ["S", SCOPE.params.sly]],
    ["out of a member of one", ["${secrets.a}", "${params}"], ["S", SCOPE.params]],
    ["beside its own", "${secrets.a}${params.sly}", `S${SCOPE.params.sly}`],
    [
      "put together of a value and a text",
      ["${secrets.a}", "${params.dollar}{secrets.a}"],
      ["S", "${secrets.a}"],
    ],
    ["put together of a text and a secret", "$$${secrets.a}", "$S"],
    ["put together of a value and a secret", "${params.dollar}${secrets.a}{secrets.a}", "$S{secrets.a}"],
    ["out of an escape", ["${secrets.a}", "$${secrets.a} $$[yyyy]"], ["S", "${secrets.a} $[yyyy]"]],
  ])("is never named %s", (_, template, expected) => {
    const { value } = resolveTemplate(template, SCOPE);
    expect(filled(value, { a: "S", db: "LEAK" })).toEqual(expected);
  });

  it("is never named by what is put in, whatever that is", () => {
    const sly = fc
      .array(fc.constantFrom("$", "$$", "{", "[", "}", "]", "secrets.a", "${secrets.a}", "x"), {
        maxLength: 8,
      })
      .map((list) => list.join(""));
    fc.assert(
      fc.property(sly, sly, (first, second) => {
        const scope = { ...SCOPE, params: { first, second } };
        const template = [
          "${params.first}${params.second}",
          "${params.first}{secrets.a}${secrets.a}",
          "${secrets.a}${params.second}",
        ];
        const { value } = resolveTemplate(template, scope);
        expect(filled(value, { a: "S" })).toEqual([first + second, `${first}{secrets.a}S`, `S${second}`]);
      }),
      { numRuns: 1_000 },
    );
  });

  it("that is missing is named", () => {
    const { value } = resolveTemplate({ a: ["x${secrets.nope}"] }, SCOPE);
    expect(() => filled(value, { constructor: "x" })).toThrow("there is no secret nope");
  });

  it("is never named by a member's name that is put in", () => {
    const scope = { ...SCOPE, params: { sly: { "${secrets.a}": "$${secrets.a}" } } };
    const { value } = resolveTemplate(["${secrets.a}", "${params.sly}"], scope);
    expect(filled(value, { a: "S" })).toEqual(["S", { "${secrets.a}": "$${secrets.a}" }]);
  });

  it("may have all that names may in its own", () => {
    const { value, secrets } = resolveTemplate("${secrets.db.password} ${secrets.shop/api-key@2:x}", SCOPE);
    expect(secrets).toEqual(["db.password", "shop/api-key@2:x"]);
    expect(filled(value, { "db.password": "S", "shop/api-key@2:x": "T" })).toBe("S T");
  });
});

describe("checkTemplate", () => {
  it("tells what is read, each once", () => {
    const template = {
      a: "${params.x.y} ${params.x.z} ${params.q} ${params}",
      b: [
        "${dt} ${dt:-x} ${table.name}",
        "${nodes.one.output.rows[0]}",
        { c: "${nodes.one.state}", d: "${nodes.one.state}!" },
      ],
      e: "${secrets.db} $${secrets.not} $[yyyyMMdd-${days}]",
      "${params.key}": 1,
    };
    expect(checkTemplate(template, "input")).toEqual({
      params: ["x", "q"],
      names: ["dt", "table", "days"],
      nodes: [
        { key: "one", path: ["output", "rows", 0] },
        { key: "one", path: ["state"] },
      ],
      secrets: ["db"],
      time: true,
    });
  });

  it.each([
    ["${run.scheduledAt}", true],
    ["${system.biz.date}", true],
    ["$[yyyy]", true],
    ["${run.id} ${system.project.name} $$[yyyy]", false],
  ])("says whether %s reads the schedule time: %s", (template, time) => {
    expect(checkTemplate(template, "input").time).toBe(time);
  });

  it("leaves keys alone", () => {
    const template = JSON.parse(
      '{"${params.region}": "${params.region}", "__proto__": {"a": "${params.count}"}}',
    );
    const resolved = resolve(template) as object;
    expect(JSON.stringify(resolved)).toBe('{"${params.region}":"eu","__proto__":{"a":3}}');
    expect(Object.getPrototypeOf(resolved)).toBe(Object.prototype);
  });

  it.each([
    ["${", 1, "names nothing"],
    ["ab ${}", 4, "names nothing"],
    ["${ params.x }", 1, "names nothing"],
    ["${.x}", 1, "names nothing"],
    ["${1}", 1, "names nothing"],
    ["${#list[@]}", 1, "names nothing"],
    ["${params.x", 1, "not closed by }"],
    ["ab ${params.x ", 14, '" " does not belong'],
    ["${params.x%.*}", 11, '"%" does not belong'],
    ["${params.}", 9, '"." does not belong'],
    ["${params.x[1.5]}", 11, '"[" does not belong'],
    ["${params.x[-1]}", 11, '"[" does not belong'],
    ["${params.x['a']}", 11, '"[" does not belong'],
    ['${params["a\\q"]}', 10, "not a JSON string"],
    ["${params.x:-a${b}}", 15, "between double quotes"],
    ['${params.x:-"a"b}', 16, '"b" does not belong'],
    [`\${params.x:-${"a".repeat(1_001)}}`, 13, "at most 1000"],
    [`\${params${".a".repeat(33)}}`, 73, "more than 32 steps"],
    [`\${${"a".repeat(129)}}`, 131, '"a" does not belong'],
    ["${nodes}", 1, "of a node there are"],
    ["${nodes.a}", 1, "of a node there are"],
    ["${nodes.a.error}", 1, "of a node there are"],
    ["${nodes.a.state.x}", 1, "of a node there are"],
    ["${nodes[0].state}", 1, "of a node there are"],
    ["${run}", 1, "there are run.id, run.job"],
    ["${run.state}", 1, "there are run.id, run.job"],
    ["${run.id.x}", 1, "there are run.id, run.job"],
    ["${run.id:-x}", 9, "no use for a fallback"],
    ["${system.biz.date:-x}", 18, "no use for a fallback"],
    ["${secrets.a:-x}", 12, "no use for a fallback"],
    ["${secrets}", 1, "a secret is its name"],
    ['${secrets["a b"]}', 1, "may hold only letters"],
    ['${secrets[""]}', 1, "must not be empty"],
    ["$[yyyy", 1, "not closed by ]"],
    [`$[${"y".repeat(500)}]`, 1, "not closed by ]"],
    ["a $[nope]", 5, "is no field of a time"],
    ["a $[yyyyMMdd-1H]", 15, "hours are N/24"],
    ["$[yyyy${secrets.a}]", 7, "cannot be made of a secret"],
    ["$[yyyy${a]", 10, '"]" does not belong'],
    ["$$$${ok} $$${", 12, "names nothing"],
  ])("refuses %s at character %d: %s", (text, character, reason) => {
    for (const [template, field] of [
      [text, "input"],
      [{ a: [0, { "odd key": text }] }, 'input.a[1]["odd key"]'],
    ] as const) {
      expect(() => checkTemplate(template, "input")).toThrow(
        expect.objectContaining({
          code: "BAD_INPUT",
          field,
          message: expect.stringMatching(
            new RegExp(
              `^at character ${character}: .*${reason.replaceAll(/[[\]{}$.]/g, "\\$&")}.*for a literal \\$. write`,
            ),
          ),
        }),
      );
    }
  });
});

describe("a reference without a value is named", () => {
  it.each([
    ["${params.missing}", "params has no member missing"],
    ["${params.deep.a[1].b}", "params.deep.a has no place 1"],
    ["${params.deep.a.b}", "params.deep.a has no member b"],
    ["${params.region.length}", "params.region has no member length"],
    ["${params.list.length}", "params.list has no member length"],
    ["${params.count.toFixed}", "params.count has no member toFixed"],
    ["${params.nothing.x}", "params.nothing has no member x"],
    ["${params.__proto__}", "params has no member __proto__"],
    ["${params.toString}", "params has no member toString"],
    ["${params.deep.constructor}", "params.deep has no member constructor"],
    ["${params.constructor.name}", "params.constructor has no member name"],
    ["${missing}", "there is no parameter missing"],
    ["${toString}", "there is no parameter toString"],
    ["${__proto__}", "there is no parameter __proto__"],
    ["${table.rows}", "table has no member rows"],
    ["${nodes.later.state}", "node later has not ended"],
    ["${nodes.constructor.state}", "node constructor has not ended"],
    ["${nodes.load-x.output}", "nodes.load-x has no member output"],
    ["${nodes.extract.output.rows[3].id}", "nodes.extract.output.rows has no place 3"],
    ["$[yyyyMMdd-${missing}]", "there is no parameter missing"],
  ])("%s: %s", (reference, reason) => {
    for (const template of [reference, `in ${reference}`]) {
      expect(() => resolveTemplate({ a: template }, SCOPE, "nodes[2].input")).toThrow(
        expect.objectContaining({
          code: "BAD_INPUT",
          field: "nodes[2].input.a",
          message: expect.stringContaining(reason),
        }),
      );
    }
  });

  it("as are a fact that is not known here and a time that comes to nothing", () => {
    const { node: _, ...scope } = SCOPE;
    expect(() => resolveTemplate("${system.task.definition.name}", scope)).toThrow("it is not known here");
    expect(() => resolve("$[yyyyMMdd+${dt}]")).toThrow(
      "$[yyyyMMdd+${dt}] is $[yyyyMMdd+20220826]: at character 9: is too far away",
    );
    expect(() => resolve("$[yyyyMMdd${table.name}]")).toThrow('"t" is no field of a time');
    expect(() => resolve("$[add_months(yyyyMMdd,-99999)]")).toThrow("outside the years 1 to 9999");
  });
});

describe("bounds", () => {
  const large = "x".repeat(200_000);
  const scope = { ...SCOPE, params: { large, list: Array(60_000).fill(1), half: "€".repeat(45_000) } };

  it("are those of an input", () => {
    expect(RESULT_BYTES).toBe(LIMITS.inputBytes);
  });

  it.each<[string, unknown]>([
    ["twice in a text", "${params.large}${params.large}"],
    ["a thousand times", Array(1_000).fill("${params.large}")],
    ["a list, in texts", Array(1_000).fill("in ${params.list}")],
    ["by its bytes, not its characters", "${params.half}${params.half}"],
    ["by its escapes", ["${secrets.a}", `${"$${secrets.".repeat(24_500)}`]],
  ])("hold for a result that is too large: %s", (_, template) => {
    expect(() => resolveTemplate(template, scope)).toThrow(
      expect.objectContaining({
        code: "LIMIT_EXCEEDED",
        field: "input",
        message: expect.stringContaining("256 KiB"),
      }),
    );
  });

  it("hold for many references, and for deep values", () => {
    const nested = (levels: number, inner: unknown): unknown =>
      Array.from({ length: levels }).reduce<unknown>((value) => [value], inner);
    expect(() => checkTemplate(Array(1_001).fill("${a}"), "input")).toThrow("more than 1000 references");
    expect(() => checkTemplate("$[yyyy${a}]".repeat(501), "input")).toThrow("more than 1000 references");
    expect(checkTemplate(nested(100, "${a}"), "input").names).toEqual(["a"]);
    expect(() => checkTemplate(nested(101, "${a}"), "input")).toThrow("100 levels deep");
    const deep = { ...SCOPE, params: { deep: nested(60, 1), deeper: nested(5_000, 1) } };
    expect(resolveTemplate(nested(40, "${params.deep}"), deep).secrets).toEqual([]);
    expect(() => resolveTemplate(nested(41, "${params.deep}"), deep)).toThrow("100 levels deep");
    expect(() => resolveTemplate("${params.deeper}", deep)).toThrow("100 levels deep");
    expect(() => resolveTemplate("in ${params.deeper}", deep)).toThrow("100 levels deep");
  });

  it.each([
    ["dollar signs", "$".repeat(1_000_000)],
    ["escapes", "$${".repeat(300_000)],
    ["brackets", "$$[".repeat(300_000)],
    ["words without an end", `\${${"a".repeat(1_000_000)}`],
    ["a fallback without an end", `\${a:-${"b".repeat(1_000_000)}`],
    ["a quote without an end", `\${a:-"${"\\\\".repeat(500_000)}`],
    ["a time without an end", `$[${"'y".repeat(500_000)}`],
    ["a path without an end", `\${a${'["x"]'.repeat(200_000)}`],
    ["many fallbacks", '${a:-"x}'.repeat(100_000)],
    // Looked at once each: in the square of their length they would take hours.
  ])("hold for long texts: %s", (_, text) => {
    try {
      checkTemplate(text, "input");
    } catch (error) {
      expect(error).toBeInstanceOf(Rejection);
    }
  });
});

const PIECES = [
  ..."${}[]$\"\\.:-0a'",
  "${params.region}",
  "${params.list[1].a}",
  "${dt:-x}",
  "${nodes.extract.output}",
  "$[yyyyMMdd-1]",
  "${secrets.a}",
  "params",
  "nodes.extract.state",
  "system.biz.date",
  "constructor",
];
const texts = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.array(fc.constantFrom(...PIECES), { maxLength: 10 }).map((pieces) => pieces.join("")),
);

function json() {
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      texts,
      fc.constantFrom(0, -1.5, true, null),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(texts, tie("tree"), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  return tree;
}

describe("any JSON", () => {
  it("is read or rejected; what is read is resolved or rejected, and filled in", () => {
    let resolved = 0;
    fc.assert(
      fc.property(json(), (template) => {
        try {
          const references = checkTemplate(template, "input");
          const { value, secrets } = resolveTemplate(template, SCOPE);
          expect(secrets).toEqual(references.secrets);
          if (secrets.length > 0) filled(value, Object.fromEntries(secrets.map((name) => [name, "S"])));
          resolved++;
        } catch (error) {
          expect(error).toBeInstanceOf(Rejection);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(resolved).toBeGreaterThan(300);
  });
});
