/** Texts and conditions of DolphinScheduler, as tables: what each becomes. */
import { expect, test } from "vitest";
import { celOf } from "../../server/import/dolphinscheduler/expression.ts";
import { Names } from "../../server/import/dolphinscheduler/names.ts";
import { readParameters, typedValue } from "../../server/import/dolphinscheduler/parameters.ts";
import { converted } from "../../server/import/dolphinscheduler/template.ts";

const globals = readParameters([
  { prop: "n", direct: "IN", type: "INTEGER", value: "3" },
  { prop: "text", direct: "IN", type: "VARCHAR", value: "a" },
  { prop: "yes", direct: "IN", type: "BOOLEAN", value: "true" },
]);

test.each([
  // A number is compared as one, and what is text or given out by a task is made one first.
  [`\${n} > 3`, "params.n > 3"],
  [`"\${n}" == '3'`, 'string(params.n) == "3"'],
  [`\${text} == 'a'`, 'params.text == "a"'],
  [`'\${text}' != "it's"`, `params.text != "it's"`],
  [`\${text} > 20250101`, "double(params.text) > 20250101.0"],
  [`\${rows} >= 5`, "double(nodes.extract.output.rows) >= 5.0"],
  [`-1 < \${rows}`, "-1.0 < double(nodes.extract.output.rows)"],
  [`\${odd one} == 1.5`, 'double(nodes["a.b"].output["odd one"]) == 1.5'],
  // What nothing declares may come with the start.
  [`\${other} == 1`, "params.other == 1"],
  [`\${yes} === true && !\${yes}`, "params.yes == true && !params.yes"],
  [`!(\${n} !== 1) || (\${n} + 1) * 2 == 8;`, "!(params.n != 1) || (params.n + 1) * 2 == 8"],
  [`\${n} == -1 ? true : false`, "params.n == -1 ? true : false"],
  // What would need JavaScript.
  [`\${text}.startsWith('a')`, null],
  [`'p\${text}' == 'pa'`, null],
  [`\${n} = 1`, null],
  [`\${} == 1`, null],
  ["", null],
])("the condition %s", (condition, cel) => {
  const scope = {
    globals: new Map(globals.map((each) => [each.name, each])),
    givers: new Map([
      ["rows", "extract"],
      ["odd one", "a.b"],
    ]),
  };
  expect(celOf(condition, scope)).toBe(cel);
});

test.each([
  // References stay.
  [`\${day}`, `\${day}`, []],
  [`a\${day}b\${ day }`, `a\${day}b\${day}`, []],
  [
    "$[yyyyMMdd-1] $[yyyy-MM-dd HH:mm:ss+1/24] $[add_months(yyyyMMdd,-12*2)]",
    "$[yyyyMMdd-1] $[yyyy-MM-dd HH:mm:ss+1/24] $[add_months(yyyyMMdd,-12*2)]",
    [],
  ],
  [`$[yyyyMMdd-\${day}]`, `$[yyyyMMdd-\${day}]`, []],
  [`\${system.biz.date}`, `\${system.biz.date}`, []],
  [
    `\${call.response} \${call.rows} \${dynamic.out(each one)}`,
    `\${nodes.call.output.body} \${nodes.call.output.rows} \${nodes["each.one"].output}`,
    [],
  ],
  [`\${run} \${odd one}`, `\${params.run} \${params["odd one"]}`, []],
  // A shell's own stays its own.
  [`\${HOME}/$PATH/$1`, `$\${HOME}/$PATH/$1`, ["HOME"]],
  [`\${day:-\${day}} \${#a[@]}`, `$\${day:-\${day}} $\${#a[@]}`, []],
  [`$\${day} $\${x} $$$[1+2]`, `$$\${day} $$$\${x} $$$$$$[1+2]`, ["x"]],
  [`echo '\${setValue(a=b)}' #{setValue(c=d)}`, `echo '$\${setValue(a=b)}' #{setValue(c=d)}`, []],
  ["$[ $a -gt 1 ] $[days]", "$$[ $a -gt 1 ] $$[days]", []],
  [`\${system.task.execute.path}`, `$\${system.task.execute.path}`, ["system.task.execute.path"]],
  [`\${open $[open`, `$\${open $$[open`, []],
])("the text %s", (text, becomes, unknown) => {
  const names = new Set(["day", "run", "odd one"]);
  const keys = new Map([
    ["call", "call"],
    ["each one", "each.one"],
  ]);
  expect(converted(text, { names, globals: names, keys })).toEqual({ text: becomes, unknown });
});

test("values have their types where they are written as such, and are text where not", () => {
  const values = [
    ["INTEGER", "3"],
    ["INTEGER", "007"],
    ["LONG", `\${x}`],
    ["DOUBLE", "2.5"],
    ["DOUBLE", "3.0"],
    ["BOOLEAN", "TRUE"],
    ["LIST", "[1,2]"],
    ["LIST", "1,2"],
    ["VARCHAR", "3"],
    ["DATE", "2026-01-01"],
  ].map(([type, value]) => ({ prop: "p", direct: "IN", type, value }));
  expect(readParameters(JSON.stringify(values)).map(typedValue)).toEqual([
    3,
    "007",
    `\${x}`,
    2.5,
    "3.0",
    true,
    [1, 2],
    "1,2",
    "3",
    "2026-01-01",
  ]);
});

test("names are kept as far as they can be, and each is given once", () => {
  const jobs = Names.ofJobs();
  expect(
    ["load", "load", "Ünïcode näme", "日次", "日次", "-x- ", "a/b:c@d", "x".repeat(300)].map((name) =>
      jobs.give(name, "process-7"),
    ),
  ).toEqual(["load", "load-2", "Unicode-name", "process-7", "process-7-2", "x", "a/b:c@d", "x".repeat(120)]);
  expect(Names.ofKeys().give("a/b", "t")).toBe("a-b");
});
