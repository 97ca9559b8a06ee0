/** What the OpenAPI document says of each call, and the addresses and queries that several calls share. */
import Type, { type TSchema } from "typebox";
import { Problem } from "../../worker/protocol.ts";
import { LIMITS } from "../config.ts";
import { LOG_LEVELS } from "../store/output-log.ts";

const closed = { additionalProperties: false } as const;

const LeaseId = Type.String({ maxLength: 100, description: "The `id` of a lease: opaque, and a secret." });
const RunId = Type.String({ maxLength: 40, description: "A run's id." });
const FileName = Type.String({
  maxLength: 200,
  description:
    "A file's name, percent-encoded where the URL needs it: no slashes, no leading dot, at most 200 bytes.",
});
const namespace = Type.Optional(
  Type.String({
    description:
      "For servers without authentication and for tokens of no one namespace. A token of another namespace is refused with 403.",
    default: "default",
  }),
);
const attempt = Type.Optional(Type.Integer({ minimum: 1, description: "Default: the last one." }));

export const LeasePath = Type.Object({ id: LeaseId });
export const LeaseFilePath = Type.Object({ id: LeaseId, name: FileName });
export const RunPath = Type.Object({ id: RunId });
export const RunFilePath = Type.Object({ id: RunId, name: FileName });
export const ExecutorPath = Type.Object({
  name: Type.String({ maxLength: 128, description: "The executor's name." }),
});

const NamespaceQuery = Type.Object({ namespace }, closed);
export const WaitQuery = Type.Object(
  {
    namespace,
    waitSeconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 60,
        description: "Answer when the run has ended, or after so long.",
      }),
    ),
  },
  closed,
);
export const ResultsQuery = Type.Object(
  {
    namespace,
    after: Type.Optional(Type.String({ maxLength: 40, description: "The `next` of the page before." })),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, description: "Results at most. Default: 1,000." }),
    ),
  },
  closed,
);
export const AttemptQuery = Type.Object({ namespace, attempt }, closed);
export const LogQuery = Type.Object(
  {
    namespace,
    attempt,
    offset: Type.Optional(
      Type.Integer({ description: "Bytes from the beginning; negative: from the end. Default: 0." }),
    ),
    limit: Type.Optional(
      Type.Integer({ minimum: 64, maximum: 1_048_576, description: "Bytes at most. Default: 65,536." }),
    ),
    search: Type.Optional(
      Type.String({
        maxLength: LIMITS.logSearchLength,
        description:
          "Only lines with this text in what was logged, in any letter case; at most 1,000 lines and 256 KiB an answer.",
      }),
    ),
    level: Type.Optional(
      Type.Enum([...LOG_LEVELS], {
        description: "Only lines of this level and graver ones, bounded like a search.",
      }),
    ),
  },
  closed,
);

type Operation = { summary: string; tag: string; description: string };

/** By operation id; the normative text is worker/PROTOCOL.md. */
export const OPERATIONS = {
  claim: {
    tag: "Leases",
    summary: "Claim",
    description:
      "Takes up to `max` ready runs, highest priority first; an hour of waiting counts as one point of priority. Answers at once when there is work, else when there is some, or with no leases after `waitSeconds` (default 30). The same `requestId` again returns the same leases, so that a lost answer strands nothing. No registration is needed first. With `namespaces` the runs are those of all of them, by fair shares.",
  },
  heartbeat: {
    tag: "Leases",
    summary: "Heartbeat",
    description:
      "Prolongs the lease to `leaseSeconds` from now. `cancel: true` says that somebody cancelled the run. A `checkpoint` is stored for the next attempt before the answer.",
  },
  complete: {
    tag: "Leases",
    summary: "Complete",
    description: "Ends the run with its output. Repeated, it gives the same answer again.",
  },
  fail: {
    tag: "Leases",
    summary: "Fail",
    description:
      "Ends the attempt. The run is tried again when its job's retry policy allows it; `retry: false` ends retries. Repeated, it gives the same answer again.",
  },
  release: {
    tag: "Leases",
    summary: "Release",
    description: "Gives the run back at once. It costs no attempt. Repeated, it gives the same answer again.",
  },
  appendLog: {
    tag: "Leases",
    summary: "Append to the log",
    description:
      "Appends lines to the attempt's log: at most 1 MiB a request and 10 MiB an attempt, of which the rest is dropped with a last line that says so.",
  },
  putFile: {
    tag: "Leases",
    summary: "Store an output file",
    description:
      "Stores a file of the attempt whole, or replaces the one of that name. Answers when it is on disk.",
  },
  startChildren: {
    tag: "Leases",
    summary: "Start child runs",
    description:
      "Starts runs on behalf of this one, and with `join` a run that waits for all of them. They are created when this lease completes, in the same transaction, or at once with `now: true`. The same `requestId` (or header `Idempotency-Key`) again returns the same runs.",
  },
  joinedResults: {
    tag: "Leases",
    summary: "Read joined results",
    description:
      "What the runs that this one joined have led to, by id, page by page: `next` is the `after` of the next page, and absent on the last.",
  },
  settle: {
    tag: "Leases",
    summary: "Settle many, and claim",
    description:
      "Settles what is done, each result as if it had come by itself, and takes what is next in one round trip. A lease that is over, or that nobody knows, is `lost` and does not touch the others.",
  },
  executorHeartbeat: {
    tag: "Executors",
    summary: "Executor heartbeat",
    description:
      "A heartbeat for every lease named and for the executor itself. Its leases that are not named and older than 5 s are given back.",
  },
  register: {
    tag: "Executors",
    summary: "Register",
    description:
      "Registers the executor or updates what is known of it, and of the task types it serves. Optional: claims make an executor known, too.",
  },
  leave: {
    tag: "Executors",
    summary: "Leave",
    description:
      "The graceful leave: whatever the executor still holds is given back at no cost of an attempt.",
  },
  startRuns: {
    tag: "Runs",
    summary: "Start runs",
    description:
      "Starts runs, all or none. With the header `Idempotency-Key` a repetition answers with the runs that the first request started.",
  },
  getRun: {
    tag: "Runs",
    summary: "Look at a run",
    description: "The run as it is now, or with `waitSeconds` as it has ended.",
  },
  getLog: {
    tag: "Runs",
    summary: "Read a run's log",
    description:
      "Lines of text with time and level. An empty answer with the offset that was asked for: nothing new yet.",
  },
  listFiles: { tag: "Runs", summary: "List a run's output files", description: "By name, then attempt." },
  getFile: {
    tag: "Runs",
    summary: "Download an output file",
    description: "The file of this name that the last attempt to store one left.",
  },
  openapi: { tag: "This document", summary: "This document", description: "Needs no token." },
} as const satisfies Record<string, Operation>;
export type OperationId = keyof typeof OPERATIONS;

interface Described {
  params?: TSchema;
  querystring?: TSchema;
  body?: TSchema;
  headers?: TSchema;
  /** Status to body, or for answers that are not JSON to a sentence. */
  answers: Record<number, TSchema | string>;
  /** The content type of answers that are described by a sentence. */
  contentType?: string;
}

type Checked<D> = Pick<D, Extract<keyof D, "params" | "querystring" | "body">>;

const PROBLEMS: Record<string, string> = {
  "4xx": "The request is refused: `code` says why, `field` names the member at fault.",
  503: "The database is away, or the server shuts down: repeat the request after `Retry-After`.",
};

/** A route's schema. What it answers is for the document; its requests are checked. */
export function describe<const D extends Described>(operationId: OperationId, described: D): Checked<D> {
  const { answers, contentType, ...requests } = described;
  const { summary, description, tag } = OPERATIONS[operationId];
  const responses = Object.entries(answers).map(([status, answer]) => [
    status,
    typeof answer !== "string"
      ? { description: "Done.", ...jsonContent(answer) }
      : contentType === undefined
        ? { description: answer, type: "null" }
        : { description: answer, content: { [contentType]: { schema: Type.String() } } },
  ]);
  const problems = Object.entries(PROBLEMS).map(([status, sentence]) => [
    status,
    { description: sentence, content: { "application/problem+json": { schema: Problem } } },
  ]);
  const schema = {
    ...(operationId === "openapi" ? {} : { querystring: NamespaceQuery }),
    ...requests,
    operationId,
    summary,
    description,
    tags: [tag],
    response: Object.fromEntries([...responses, ...problems]),
  };
  return schema as unknown as Checked<D>;
}

function jsonContent(schema: TSchema): object {
  return { content: { "application/json": { schema } } };
}
