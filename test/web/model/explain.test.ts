/** Gates and executors in words. */
import { readFileSync } from "node:fs";
import { buildSchema, GraphQLEnumType } from "graphql";
import { expect, test } from "vitest";
import { labelsInWords, loadInWords } from "../../../web/model/executor.ts";
import { type GateLink, gateInWords, gateWord, targetOf } from "../../../web/model/explain.ts";

const schema = buildSchema(readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8"));
const valuesOf = (name: string): string[] => {
  const type = schema.getType(name);
  if (!(type instanceof GraphQLEnumType)) throw new Error(`${name} is not an enum of the schema`);
  return type.getValues().map((value) => value.name);
};

test("every kind of gate of the schema has a word, and no two the same", () => {
  const words = valuesOf("GateKind").map((kind) => gateWord(kind as never));
  expect(words).not.toContain(undefined);
  expect(new Set(words).size).toBe(words.length);
});

test("every kind of link of the schema leads to a page", () => {
  for (const kind of valuesOf("GateLinkKind")) {
    const link = { kind, id: "x_1", name: "thing" } as GateLink;
    expect(targetOf(link)).toHaveProperty("to");
  }
  expect(targetOf({ kind: "RUN", id: "42", name: "42" })).toEqual({ to: "/runs/$id", params: { id: "42" } });
  expect(targetOf({ kind: "GROUP", id: null, name: "gpu" })).toEqual({ to: "/executors", search: {} });
});

test("a message begins with a capital and tells clock times instead of instants", () => {
  const now = Date.parse("2026-01-01T12:00:00Z");
  expect(gateInWords("is to start at 2026-01-01T12:30:05.000Z", now, "UTC")).toBe("Is to start at 12:30:05");
  expect(gateInWords("waits for run 7 to end", now)).toBe("Waits for run 7 to end");
});

test("a load is told per resource, with its limit when there is one", () => {
  expect(loadInWords({ cpu: 0.404, memory: 0.5 }, { cpu: 0.9 })).toEqual(["CPU 40 % of 90 %", "Memory 50 %"]);
  expect(loadInWords({ memory: 0.5 }, null)).toEqual(["Memory 50 %"]);
  expect(loadInWords(null, { cpu: 1 })).toEqual([]);
});

test("labels are told by name", () => {
  expect(labelsInWords({ zone: "eu", gpu: "a100" })).toEqual(["gpu=a100", "zone=eu"]);
  expect(labelsInWords(null)).toEqual([]);
});
