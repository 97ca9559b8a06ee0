/** Ids as clients see them: a run's is its number, the same as in the worker protocol; others begin with their type. */
import { isRunId } from "../store/page.ts";

const TYPE_NUMBER = /^([a-z]+)_([1-9]\d{0,9})$/;
const MAX_NUMBER = 2 ** 31 - 1;

const TYPES: Record<string, string> = {
  job: "Job",
  trigger: "Trigger",
  calendar: "Calendar",
  backfill: "Backfill",
  executor: "Executor",
};

/** The id of a thing of a type, in whichever letter case. */
export function writeId(type: string, id: string): string {
  return type.toLowerCase() === "run" ? id : `${type.toLowerCase()}_${id}`;
}

/** The type and number in an id; an empty type for what is no id. */
export function readId(text: string): { typename: string; id: string } {
  if (isRunId(text)) return { typename: "Run", id: text };
  const [, type = "", number = ""] = TYPE_NUMBER.exec(text) ?? [];
  return Number(number) <= MAX_NUMBER
    ? { typename: TYPES[type] ?? "", id: number }
    : { typename: "", id: "" };
}
