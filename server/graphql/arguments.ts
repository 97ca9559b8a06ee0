/** Arguments that several fields share. */
import { type LogFilter, lineFilter } from "../store/output-log-search.ts";
import { builder } from "./builder.ts";

/** A thing by its namespace and name. */
export const byName = builder.args((t) => ({
  namespace: t.string({ defaultValue: "default" }),
  name: t.string({ required: true }),
}));

const LogLevel = builder.enumType("LogLevel", {
  values: {
    DEBUG: { value: "debug" },
    INFO: { value: "info" },
    WARN: { value: "warn" },
    ERROR: { value: "error" },
  } as const,
});

/** Which lines of a log. */
export const logFilter = builder.args((t) => ({
  search: t.string({
    description:
      "Only lines with this text, in any letter case; so many as one answer takes, the cursor is where to go on.",
  }),
  level: t.field({ type: LogLevel, description: "Only lines of this level and graver ones." }),
}));

type LogFilterArguments = {
  search?: string | null | undefined;
  level?: LogFilter["level"] | null | undefined;
};

/** Throws BAD_INPUT, before anything is read. */
export function checkLogFilter({ search, level }: LogFilterArguments): LogFilter {
  const filter = { search: search ?? undefined, level: level ?? undefined };
  lineFilter(filter);
  return filter;
}

/** In fields: a piece of a log, or all of it once over. */
export const logCost = ({ search, level }: LogFilterArguments): number =>
  search == null && level == null ? 10 : 1_000;
