/** A log request's body to lines: NDJSON where the content type says so, else text. */
import { badInput } from "../core/rejection.ts";
import { LOG_LEVELS, type LogLevel, type LogLine } from "../store/output-log.ts";

const NDJSON = /^application\/(x-ndjson|ndjson|jsonl|x-jsonlines|json)\b/i;

/** `now` in epoch milliseconds, for lines that do not say when. @throws BAD_INPUT naming the line */
export function logLines(body: string, contentType: string | undefined, now: number): LogLine[] {
  const lines = body.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (!NDJSON.test(contentType ?? "")) return lines.map((message) => ({ time: now, level: "info", message }));
  return lines.flatMap((line, at) => (line.trim() === "" ? [] : [parse(line, `line ${at + 1}`, now)]));
}

function parse(line: string, field: string, now: number): LogLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw badInput(field, "is not valid JSON; send text/plain for plain lines");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badInput(field, 'must be an object such as {"level":"info","message":"…"}');
  }
  const { message, level = "info", time, ...unknown } = value as Record<string, unknown>;
  const [stranger] = Object.keys(unknown);
  if (stranger !== undefined) {
    throw badInput(`${field}: ${stranger}`, "is not a member of a log line: message, level and time are");
  }
  if (typeof message !== "string") throw badInput(`${field}: message`, "must be a string");
  if (!isLevel(level)) throw badInput(`${field}: level`, `must be one of ${LOG_LEVELS.join(", ")}`);
  return { time: time === undefined ? now : instantOf(time, `${field}: time`), level, message };
}

const isLevel = (level: unknown): level is LogLevel => (LOG_LEVELS as readonly unknown[]).includes(level);

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

function instantOf(time: unknown, field: string): number {
  const instant = typeof time === "string" && INSTANT.test(time) ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(instant)) throw badInput(field, "must be a date and time such as 2026-01-31T09:30:00Z");
  return instant;
}
