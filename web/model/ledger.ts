/** The ledger of a trigger: what became of its times, and what an audit of it found, in words. */
import type { OccurrenceOutcome } from "./state.ts";
import { countOf, formatCount } from "./time.ts";

const POLICIES: Record<string, string> = {
  SKIP: "of the missed times none fires",
  FIRE_ONCE: "of the missed times the latest one fires",
  FIRE_ALL: "of the missed times all fire, up to the limit",
};

/** Why a time ended so: `excluded by holidays-de`; null when there is nothing to say. */
export function reasonInWords(outcome: OccurrenceOutcome, reason: string | null): string | null {
  if (reason === null) return null;
  if (outcome === "EXCLUDED") return `by ${reason}`;
  if (outcome === "MISFIRED") return POLICIES[reason] ?? reason;
  return reason.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/, (at) => `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`);
}

/** How many times a row stands for: `1,440 times`, or `at least 10,000 times`. */
export const countInWords = (count: number, exact: boolean): string =>
  `${exact ? "" : "at least "}${formatCount(count)} times`;

export type AuditCounts = { clean: boolean; times: number; runs: number };

/** The verdict of an audit in a sentence. */
export function auditInWords({ clean, times, runs }: AuditCounts, differences: number): string {
  const looked = `${countOf(times, ["time", "times"])} of the schedule and ${countOf(runs, ["run", "runs"])} looked up`;
  if (clean) return `Every time is accounted for: ${looked}, and no difference.`;
  const shown =
    differences >= 100
      ? "the first hundred differences"
      : countOf(differences, ["difference", "differences"]);
  return `The ledger differs from the schedule: ${looked}, ${shown}.`;
}

export type DifferenceKind = "MISSING" | "UNEXPECTED" | "WRONG" | "RUN_MISSING" | "NEXT";

export const DIFFERENCES: Record<DifferenceKind, string> = {
  MISSING: "Missing",
  UNEXPECTED: "Too much",
  WRONG: "Wrong",
  RUN_MISSING: "Run is gone",
  NEXT: "Next fire",
};
