/** What a run passes before it runs, in words for people. */
import { clockTime } from "./time.ts";

export type GateKind =
  | "TRIGGER"
  | "CALENDAR"
  | "TIME"
  | "RETRY"
  | "DEPENDENCY"
  | "PAUSED"
  | "AFFINITY"
  | "OVERLAP"
  | "CONCURRENCY"
  | "RATE"
  | "EXECUTORS"
  | "QUEUE";

const WORDS: Record<GateKind, string> = {
  TRIGGER: "Trigger",
  CALENDAR: "Calendar",
  TIME: "Time",
  RETRY: "Retry",
  DEPENDENCY: "Other runs",
  PAUSED: "Pause",
  AFFINITY: "Affinity",
  OVERLAP: "Overlap",
  CONCURRENCY: "Limit",
  RATE: "Rate",
  EXECUTORS: "Executors",
  QUEUE: "Queue",
};

export const gateWord = (kind: GateKind): string => WORDS[kind];

const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;

/** A message of the server, beginning with a capital, its instants as clock times. */
export function gateInWords(message: string, nowMs: number, timeZone?: string): string {
  const text = message.replace(INSTANT, (at) => clockTime(at, nowMs, timeZone));
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export type GateLink = {
  kind: "TRIGGER" | "RUN" | "JOB" | "EXECUTOR" | "GROUP" | "NAMESPACE";
  id: string | null;
  name: string;
};

/** Where a link leads; groups and namespaces have no page of their own. */
export type Target =
  | { to: "/runs/$id"; params: { id: string } }
  | { to: "/jobs/$name" | "/triggers/$name"; params: { name: string } }
  | { to: "/jobs" }
  | { to: "/executors"; search: { q?: string } };

export function targetOf({ kind, id, name }: GateLink): Target {
  switch (kind) {
    case "RUN":
      return { to: "/runs/$id", params: { id: id ?? name } };
    case "JOB":
      return { to: "/jobs/$name", params: { name } };
    case "TRIGGER":
      return { to: "/triggers/$name", params: { name } };
    case "EXECUTOR":
      return { to: "/executors", search: { q: name } };
    case "NAMESPACE":
      return { to: "/jobs" };
    case "GROUP":
      return { to: "/executors", search: {} };
  }
}
