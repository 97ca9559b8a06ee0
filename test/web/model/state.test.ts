/** How states look and what can be done in them. */

import { readFileSync } from "node:fs";
import { buildSchema, GraphQLEnumType } from "graphql";
import { describe, expect, test } from "vitest";
import {
  attemptFace,
  canCancel,
  canRetry,
  executorFace,
  type Face,
  hasEnded,
  occurrenceFace,
  progressRank,
  RUN_STATES,
  runFace,
  triggerFace,
} from "../../../web/model/state.ts";

const schema = buildSchema(readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8"));

function valuesOf(name: string): string[] {
  const type = schema.getType(name);
  if (!(type instanceof GraphQLEnumType)) throw new Error(`${name} is not an enum of the schema`);
  return type.getValues().map((value) => value.name);
}

describe("faces", () => {
  const families: [enumeration: string, face: (value: never) => Face][] = [
    ["RunState", runFace],
    ["AttemptOutcome", attemptFace],
    ["TriggerState", triggerFace],
    ["ExecutorState", executorFace],
    ["OccurrenceOutcome", occurrenceFace],
  ];

  test.each(families)("every %s of the schema has a word and an icon", (enumeration, face) => {
    for (const value of valuesOf(enumeration)) {
      const { word, icon } = face(value as never);
      expect(word, value).not.toBe("");
      expect(icon, value).not.toBe("");
    }
  });

  test.each(families)("no two of %s share both word and icon", (enumeration, face) => {
    const seen = valuesOf(enumeration).map((value) => {
      const { word, icon } = face(value as never);
      return `${word} ${icon}`;
    });
    expect(new Set(seen).size).toBe(seen.length);
  });

  test("states that share a tone differ in icon, so that colour is never needed", () => {
    const faces = RUN_STATES.map((state) => runFace(state));
    expect(new Set(faces.map((face) => face.icon)).size).toBe(faces.length);
  });

  test("a run that waits for its next try is retrying, not plainly waiting", () => {
    expect(runFace("WAITING", [{ kind: "RETRY" }]).word).toBe("Retrying");
    expect(runFace("WAITING", [{ kind: "TIME" }]).word).toBe("Waiting");
    expect(runFace("FAILED", [{ kind: "RETRY" }]).word).toBe("Failed");
  });
});

test("RUN_STATES are those of the schema", () => {
  expect([...RUN_STATES].sort()).toEqual(valuesOf("RunState").sort());
});

test("a run can be cancelled once, and only before it has ended", () => {
  expect(canCancel({ state: "RUNNING", cancelRequested: false })).toBe(true);
  expect(canCancel({ state: "RUNNING", cancelRequested: true })).toBe(false);
  expect(RUN_STATES.filter((state) => canCancel({ state, cancelRequested: false }))).toEqual(
    RUN_STATES.filter((state) => !hasEnded(state)),
  );
});

test("only runs that ended without success can be retried", () => {
  expect(RUN_STATES.filter(canRetry)).toEqual(["FAILED", "CANCELLED", "SKIPPED"]);
});

test("a run's rank grows along its life, retries included", () => {
  const life = [
    { state: "WAITING", attempt: 0 },
    { state: "READY", attempt: 0 },
    { state: "RUNNING", attempt: 1 },
    { state: "WAITING", attempt: 1 },
    { state: "READY", attempt: 1 },
    { state: "RUNNING", attempt: 2 },
    { state: "SUCCEEDED", attempt: 2 },
  ] as const;
  const ranks = life.map(progressRank);
  expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
  expect(new Set(ranks).size).toBe(life.length);
});
