/** Pauses of triggers, and the ledger that tells of them. */
import { expect, test } from "vitest";
import { auditInWords, countInWords, reasonInWords } from "../../../web/model/ledger.ts";
import { type ManyForm, pausedInWords, readMany, readPause, scopeOf } from "../../../web/model/pauses.ts";

test("each kind of pause has words, and a scope that lifts it", () => {
  const pause = { target: "x", namespace: "team" };
  expect(
    (["TRIGGER", "GROUP", "JOB", "NAMESPACE", "EVERYTHING"] as const).map((kind) => [
      pausedInWords({ ...pause, kind }),
      scopeOf({ ...pause, kind }),
    ]),
  ).toEqual([
    ["x", null],
    ["the group x", { group: { namespace: "team", group: "x" } }],
    ["the triggers of x", { job: { namespace: "team", job: "x" } }],
    ["all triggers of team", { namespace: "team" }],
    ["all triggers of every namespace", { everything: true }],
  ]);
});

test("a pause takes a reason and an end, both of which may be blank", () => {
  expect(readPause({ reason: " ", until: "" })).toEqual({ values: {}, faults: {} });
  expect(readPause({ reason: " why ", until: "2030-01-01T08:00" }).values).toEqual({
    reason: "why",
    until: new Date("2030-01-01T08:00").toISOString(),
  });
  expect(readPause({ reason: "", until: "later" }).faults).toHaveProperty("until");
});

test("many are paused by group, job or namespace, which must be named", () => {
  const form: ManyForm = { kind: "GROUP", group: " g ", job: "", reason: "", until: "" };
  expect(readMany(form, "team").values).toEqual({
    pause: { kind: "GROUP", target: "g", namespace: "team" },
    scope: { group: { namespace: "team", group: "g" } },
  });
  expect(readMany({ ...form, kind: "JOB" }, "team").faults).toHaveProperty("job");
  expect(readMany({ ...form, group: "" }, "team").faults).toHaveProperty("group");
  expect(readMany({ ...form, kind: "EVERYTHING" }, "team").values?.pause.namespace).toBeNull();
});

test("a ledger's reasons are told in words", () => {
  expect(reasonInWords("EXCLUDED", "holidays-de, weekends")).toBe("by holidays-de, weekends");
  expect(reasonInWords("MISFIRED", "FIRE_ONCE")).toBe("of the missed times the latest one fires");
  expect(reasonInWords("FIRED", "moved from 2030-01-05T08:00:00.000Z")).toBe(
    "moved from 2030-01-05 08:00 UTC",
  );
  expect(reasonInWords("FIRED", null)).toBeNull();
  expect(countInWords(1440, true)).toBe("1,440 times");
  expect(countInWords(10_000, false)).toBe("at least 10,000 times");
});

test("an audit says what it looked up and what it found", () => {
  expect(auditInWords({ clean: true, times: 1, runs: 1 }, 0)).toBe(
    "Every time is accounted for: 1 time of the schedule and 1 run looked up, and no difference.",
  );
  expect(auditInWords({ clean: false, times: 10, runs: 9 }, 2)).toBe(
    "The ledger differs from the schedule: 10 times of the schedule and 9 runs looked up, 2 differences.",
  );
  expect(auditInWords({ clean: false, times: 10, runs: 9 }, 100)).toContain("the first hundred differences");
});
