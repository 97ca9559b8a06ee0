/** Every example of server/PARAMETERS.md, as it stands there. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { evaluateExpression } from "../../server/core/expression/expression.ts";
import { effectiveParams } from "../../server/core/params/precedence.ts";
import { resolveTemplate } from "../../server/core/params/template.ts";

const document = readFileSync(fileURLToPath(new URL("../../server/PARAMETERS.md", import.meta.url)), "utf8");
const [, expressions = ""] = document.split("## Expressions");

const params = { region: "eu", limit: 3, none: null, tags: ["a", "b"], "odd name": 1 };
const scope = {
  params,
  names: effectiveParams({ global: params }).values,
  nodes: { extract: { state: "SUCCEEDED", output: { rows: [{ id: 7 }], path: "/tmp/x" } } },
  run: {
    id: "run-1",
    job: "nightly",
    namespace: "default",
    scheduledAt: Date.parse("2022-08-26T00:00:00Z"),
    timeZone: "UTC",
  },
};

const examples = [...document.matchAll(/^\| `(.+?)` \| `(.+?)` \|/gm)].map(
  ([, source = "", result = ""]) => ({
    source,
    result,
    isExpression: expressions.includes(`| \`${source}\` |`),
  }),
);

describe("the examples of PARAMETERS.md", () => {
  it.each(examples)("$source is $result", ({ source, result, isExpression }) => {
    const value = isExpression ? evaluateExpression(source, scope) : resolveTemplate(source, scope).value;
    expect(value).toEqual(JSON.parse(result));
  });

  it("are all found", () => {
    const rows = document.match(/^\| `/gm) ?? [];
    expect(examples.length).toBe(rows.length);
    expect(examples.filter(({ isExpression }) => isExpression).length).toBeGreaterThan(5);
  });
});
