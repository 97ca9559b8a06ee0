/** What the address bar holds. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chooseNamespace } from "../../../web/model/namespace.ts";
import {
  backfillSearch,
  dateSearch,
  executorSearch,
  forecastSearch,
  jobSearch,
  ledgerSearch,
  namespaceSearch,
  overviewSearch,
  parseSearch,
  runBelongs,
  runSearch,
  stringifySearch,
  triggerSearch,
  yearSearch,
} from "../../../web/model/search.ts";

describe("query strings", () => {
  test("read and write plain words", () => {
    expect(parseSearch("?ns=demo&state=FAILED&state=RUNNING&empty=")).toEqual({
      ns: "demo",
      state: ["FAILED", "RUNNING"],
    });
    expect(stringifySearch({ ns: "demo", state: ["FAILED", "RUNNING"], job: undefined, after: "" })).toBe(
      "?ns=demo&state=FAILED&state=RUNNING",
    );
    expect(stringifySearch({})).toBe("");
  });

  test("whatever a name or tag contains comes back unchanged", () => {
    const word = fc.string({ minLength: 1, unit: "grapheme" });
    fc.assert(
      fc.property(word, fc.uniqueArray(word, { minLength: 1 }), (job, tag) => {
        const search = runSearch(parseSearch(stringifySearch({ job, tag })));
        expect(search).toEqual({ job, tag });
      }),
    );
  });

  test("unknown states, empty words and lists where one word belongs are dropped", () => {
    expect(runSearch({ state: ["FAILED", "EXPLODED"], job: ["a", "b"], tag: "", after: 7 })).toEqual({
      state: ["FAILED"],
    });
    expect(triggerSearch({ q: "x", state: "SIDEWAYS" })).toEqual({ q: "x" });
    expect(jobSearch({ q: "", tag: ["a", "a"] })).toEqual({ tag: ["a"] });
    expect(executorSearch({ after: "c" })).toEqual({ after: "c" });
    expect(overviewSearch({ minutes: "360" })).toEqual({ minutes: 360 });
    expect(overviewSearch({ minutes: "7" })).toEqual({});
    expect(namespaceSearch({ ns: 3 })).toEqual({});
    expect(triggerSearch({ group: "g", job: "j", state: "ERROR" })).toEqual({
      group: "g",
      job: "j",
      state: "ERROR",
    });
    expect(ledgerSearch({ outcome: ["LATE", "NEVER"], after: "c" })).toEqual({
      outcome: ["LATE"],
      after: "c",
    });
    expect(backfillSearch({ state: "STOPPED", trigger: "t", job: "" })).toEqual({
      state: ["STOPPED"],
      trigger: "t",
    });
    expect(dateSearch({ state: ["KEPT", "COMPLETE"] })).toEqual({ state: ["KEPT"] });
    expect(forecastSearch({ job: "j", from: ["a", "b"], until: "x" })).toEqual({ job: "j", until: "x" });
    expect(yearSearch({ year: "2030" })).toEqual({ year: 2030 });
    for (const year of ["soon", "1969", "2200", "2030.5", undefined])
      expect(yearSearch({ year })).toEqual({});
  });
});

describe("whether a run belongs to a list", () => {
  const run = { state: "FAILED", tags: ["a", "b"], job: { name: "j" }, trigger: { name: "t" } } as const;

  test.each([
    [{}, true],
    [{ state: ["FAILED"] }, true],
    [{ state: ["RUNNING"] }, false],
    [{ job: "j" }, true],
    [{ job: "k" }, false],
    [{ trigger: "t" }, true],
    [{ trigger: "u" }, false],
    [{ tag: ["a"] }, true],
    [{ tag: ["a", "c"] }, false],
  ])("%j: %s", (search, belongs) => {
    expect(runBelongs(run, runSearch(search))).toBe(belongs);
  });

  test("a run without a trigger belongs to none's list", () => {
    expect(runBelongs({ ...run, trigger: null }, { trigger: "t" })).toBe(false);
  });
});

describe("the first namespace shown", () => {
  const withJobs = (names: string[]) => (name: string) => Promise.resolve(names.includes(name));

  test.each([
    ["the remembered one", ["default", "demo"], "demo", ["default"], "demo"],
    ["not a remembered one that is gone", ["default"], "demo", ["default"], "default"],
    ["default when it has jobs", ["demo", "default"], null, ["demo", "default"], "default"],
    ["the first with jobs on a fresh installation", ["default", "demo"], null, ["demo"], "demo"],
    ["default when all are empty", ["a", "default"], null, [], "default"],
    ["the first when there is no default", ["a", "b"], null, [], "a"],
    ["default when there is none at all", [], null, [], "default"],
  ])("is %s", async (_, names, remembered, full, chosen) => {
    expect(await chooseNamespace(names, remembered, withJobs(full))).toBe(chosen);
  });
});
