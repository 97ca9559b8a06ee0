/** What hangs on a run: its error, attempts, log and files. */
import { ATTEMPT_OUTCOMES } from "../core/attempt.ts";
import type { OutputFile } from "../store/output-files.ts";
import type { Attempt } from "../store/runs.ts";
import { builder } from "./builder.ts";
import { type LogChunk, logCursor } from "./log.ts";

interface Failure {
  message: string;
  type?: string;
  stack?: string;
}

export const RunError = builder.objectRef<Failure>("RunError").implement({
  fields: (t) => ({
    message: t.exposeString("message"),
    type: t.string({ nullable: true, resolve: ({ type }) => type }),
    stack: t.string({ nullable: true, resolve: ({ stack }) => stack }),
  }),
});

export const failureOf = ({ error }: { error: string | null }): Failure | null =>
  error === null ? null : JSON.parse(error);

export const AttemptType = builder.objectRef<Attempt>("Attempt").implement({
  description: "One try of a run: the history of one lease.",
  fields: (t) => ({
    number: t.exposeInt("number"),
    executor: t.exposeString("executor", { nullable: true }),
    startedAt: t.expose("startedAt", { type: "DateTime" }),
    endedAt: t.expose("endedAt", { type: "DateTime", nullable: true }),
    outcome: t.expose("outcome", { type: builder.enumType("AttemptOutcome", { values: ATTEMPT_OUTCOMES }) }),
    error: t.field({ type: RunError, nullable: true, resolve: failureOf }),
  }),
});

export const LogChunkType = builder.objectRef<LogChunk>("LogChunk").implement({
  fields: (t) => ({
    text: t.exposeString("text"),
    cursor: t.string({ description: "Pass it as `after` to read on.", resolve: logCursor }),
    attempt: t.exposeInt("attempt"),
    ended: t.exposeBoolean("ended", { description: "No more will come." }),
  }),
});

export const FileType = builder.objectRef<OutputFile & { runId: string }>("File").implement({
  description: "An output file of a run.",
  fields: (t) => ({
    name: t.exposeString("name"),
    attempt: t.exposeInt("attempt"),
    size: t.exposeFloat("size", { description: "Bytes." }),
    digest: t.string({ resolve: ({ sha256 }) => `sha256:${sha256}` }),
    createdAt: t.expose("storedAt", { type: "DateTime" }),
    url: t.string({
      description: "Where to download it, on this server.",
      resolve: ({ runId, attempt, name }) =>
        `/v1/runs/${runId}/files/${encodeURIComponent(name)}?attempt=${attempt}`,
    }),
  }),
});
