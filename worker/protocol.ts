/**
 * The worker protocol's messages, version 1: the only definition of what travels between a worker and the
 * control plane. The server validates requests with these schemas and prints them as OpenAPI; workers in
 * TypeScript take their types. PROTOCOL.md says what each message obliges either side to do.
 */
import Type, { type Static } from "typebox";

const closed = { additionalProperties: false } as const;

/** An executor's, group's or type's name as PROTOCOL.md "Names" allows it. */
const Name = Type.String({ minLength: 1, maxLength: 128 });
const LeaseId = Type.String({ minLength: 1, maxLength: 100 });
const RunId = Type.String({ minLength: 1, maxLength: 40 });
const Json = Type.Unknown();
const Seconds = Type.Number({ minimum: 0 });
/** A hundred years: the longest wait there is. */
const Wait = Type.Number({ minimum: 0, maximum: 3_153_600_000 });

/** What describes an executor, and what a run may require of it. */
const Labels = Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.String({ maxLength: 200 }), {
  maxProperties: 20,
});

/** CPU and memory in use as fractions of the machine, 0 to 1. */
export const Load = Type.Object(
  { cpu: Type.Optional(Type.Number({ minimum: 0 })), memory: Type.Optional(Type.Number({ minimum: 0 })) },
  closed,
);
export type Load = Static<typeof Load>;

/** Body of `POST /v1/leases`. */
export const ClaimRequest = Type.Object(
  {
    executor: Name,
    namespaces: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 20 })),
    groups: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 100 })),
    types: Type.Optional(Type.Array(Name, { minItems: 1, maxItems: 1000 })),
    max: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    waitSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 60 })),
    requestId: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  },
  closed,
);
export type ClaimRequest = Static<typeof ClaimRequest>;

/**
 * A run lent to one executor. `id` is the secret that every later call about it carries. Written in this order,
 * inputs last, so that a shell finds the members with sed and no input can look like one of them.
 */
export const Lease = Type.Object({
  id: LeaseId,
  run: RunId,
  attempt: Type.Integer(),
  job: Type.String(),
  type: Type.String(),
  group: Type.String(),
  namespace: Type.Optional(Type.String()),
  scheduledAt: Type.String({ format: "date-time" }),
  leaseSeconds: Seconds,
  timeoutSeconds: Type.Union([Seconds, Type.Null()]),
  attempts: Type.Object({ made: Type.Integer(), max: Type.Union([Type.Integer(), Type.Null()]) }),
  parent: Type.Optional(RunId),
  step: Type.Optional(Type.Enum(["ROOT", "PART", "REDUCE"])),
  traceparent: Type.Optional(Type.String()),
  fence: Type.Integer(),
  checkpoint: Type.Optional(Json),
  input: Type.Optional(Json),
  inputBase64: Type.Optional(Type.String()),
});
export type Lease = Static<typeof Lease>;

/** `drain`: the executor gets no new leases until a person lifts that. */
export const ClaimAnswer = Type.Object({ leases: Type.Array(Lease), drain: Type.Optional(Type.Boolean()) });
export type ClaimAnswer = Static<typeof ClaimAnswer>;

/** Body of `POST /v1/leases/{id}/heartbeat`. */
export const HeartbeatRequest = Type.Object(
  {
    progress: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    message: Type.Optional(Type.String({ maxLength: 1000 })),
    checkpoint: Type.Optional(Json),
  },
  closed,
);
export type HeartbeatRequest = Static<typeof HeartbeatRequest>;
export const HeartbeatAnswer = Type.Object({ leaseSeconds: Seconds, cancel: Type.Boolean() });
export type HeartbeatAnswer = Static<typeof HeartbeatAnswer>;

/** Body of `POST /v1/leases/{id}/complete`. */
export const CompleteRequest = Type.Object(
  { output: Type.Optional(Json), outputBase64: Type.Optional(Type.String()) },
  closed,
);
export type CompleteRequest = Static<typeof CompleteRequest>;

export const RunFailure = Type.Object(
  {
    message: Type.String({ maxLength: 10_000 }),
    type: Type.Optional(Type.String({ maxLength: 200 })),
    stack: Type.Optional(Type.String({ maxLength: 50_000 })),
  },
  closed,
);
export type RunFailure = Static<typeof RunFailure>;

/** Body of `POST /v1/leases/{id}/fail`. */
export const FailRequest = Type.Object(
  {
    error: RunFailure,
    retry: Type.Optional(Type.Boolean()),
    retryAfterSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 31_536_000 })),
    checkpoint: Type.Optional(Json),
  },
  closed,
);
export type FailRequest = Static<typeof FailRequest>;

export const RunState = Type.Enum([
  "WAITING",
  "READY",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "SKIPPED",
]);
export type RunState = Static<typeof RunState>;

/** Answer of complete, fail and release: where the run went. */
export const SettleAnswer = Type.Object({
  state: RunState,
  retryInSeconds: Type.Optional(Seconds),
});
export type SettleAnswer = Static<typeof SettleAnswer>;

/** Body of `POST /v1/leases/{id}/release`. */
export const ReleaseRequest = Type.Object({ checkpoint: Type.Optional(Json) }, closed);

const MaxRetries = Type.Integer({ minimum: 0, maximum: 10_000 });

/** Exactly one of its members. `max` counts retries, not attempts. */
export const RetryPolicy = Type.Object(
  {
    inherit: Type.Optional(Type.Literal(true)),
    off: Type.Optional(Type.Literal(true)),
    fixed: Type.Optional(
      Type.Object(
        {
          delaySeconds: Type.Optional(Wait),
          max: Type.Optional(MaxRetries),
          maxElapsedSeconds: Type.Optional(Wait),
        },
        closed,
      ),
    ),
    backoff: Type.Optional(
      Type.Object(
        {
          initialDelaySeconds: Type.Optional(Wait),
          delaySeconds: Type.Optional(Wait),
          factor: Type.Optional(Type.Number({ minimum: 1, maximum: 100 })),
          capSeconds: Type.Optional(Wait),
          max: Type.Optional(MaxRetries),
          maxElapsedSeconds: Type.Optional(Wait),
          jitter: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
        },
        closed,
      ),
    ),
  },
  { ...closed, minProperties: 1, maxProperties: 1 },
);
export type RetryPolicy = Static<typeof RetryPolicy>;

/** A run to start, in `POST /v1/runs` and `POST /v1/leases/{id}/runs`. */
export const StartRun = Type.Object(
  {
    job: Type.String({ minLength: 1, maxLength: 200 }),
    input: Type.Optional(Json),
    inputBase64: Type.Optional(Type.String()),
    priority: Type.Optional(Type.Integer({ minimum: -32_000, maximum: 32_000 })),
    runAt: Type.Optional(Type.String({ format: "date-time" })),
    delaySeconds: Type.Optional(Wait),
    tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 50 })),
    affinity: Type.Optional(
      Type.Object(
        {
          group: Type.String({ minLength: 1, maxLength: 200 }),
          key: Type.String({ minLength: 1, maxLength: 200 }),
        },
        closed,
      ),
    ),
    idempotencyKey: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    after: Type.Optional(Type.Array(RunId, { maxItems: 1000 })),
    executor: Type.Optional(Name),
    requires: Type.Optional(Labels),
    joins: Type.Optional(Type.Array(RunId, { maxItems: 10_000 })),
    retry: Type.Optional(RetryPolicy),
  },
  closed,
);
export type StartRun = Static<typeof StartRun>;

/** Body of `POST /v1/leases/{id}/runs`: child runs and a run that waits for all of them. */
export const ChildRunsRequest = Type.Object(
  {
    runs: Type.Array(StartRun, { maxItems: 10_000 }),
    join: Type.Optional(StartRun),
    now: Type.Optional(Type.Boolean()),
    requestId: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  closed,
);
export type ChildRunsRequest = Static<typeof ChildRunsRequest>;
export const ChildRunsAnswer = Type.Object({ runs: Type.Array(RunId), join: Type.Optional(RunId) });
export type ChildRunsAnswer = Static<typeof ChildRunsAnswer>;

/** Answer of `GET /v1/leases/{id}/results`: a page of what the runs that this one joined have led to, by id. */
export const ResultsAnswer = Type.Object({
  results: Type.Array(
    Type.Object({
      run: RunId,
      job: Type.String(),
      parent: Type.Optional(RunId),
      state: RunState,
      output: Type.Optional(Json),
      outputBase64: Type.Optional(Type.String()),
      error: Type.Optional(RunFailure),
    }),
  ),
  next: Type.Optional(RunId),
});
export type ResultsAnswer = Static<typeof ResultsAnswer>;
export type RunResult = ResultsAnswer["results"][number];

/** One settled lease in `POST /v1/settle`. */
export const SettleItem = Type.Object(
  {
    lease: LeaseId,
    outcome: Type.Enum(["succeeded", "failed", "released"]),
    output: Type.Optional(Json),
    outputBase64: Type.Optional(Type.String()),
    error: Type.Optional(RunFailure),
    retry: Type.Optional(Type.Boolean()),
    retryAfterSeconds: Type.Optional(Type.Number({ minimum: 0, maximum: 31_536_000 })),
    checkpoint: Type.Optional(Json),
  },
  closed,
);
export type SettleItem = Static<typeof SettleItem>;

/** Body of `POST /v1/settle`: settle what is done and take what is next in one round trip. */
export const SettleRequest = Type.Object(
  { results: Type.Array(SettleItem, { maxItems: 1000 }), claim: Type.Optional(ClaimRequest) },
  closed,
);
export type SettleRequest = Static<typeof SettleRequest>;
export const SettleResult = Type.Object({
  lease: LeaseId,
  status: Type.Enum(["ok", "lost"]),
  state: Type.Optional(RunState),
  retryInSeconds: Type.Optional(Seconds),
});
export type SettleResult = Static<typeof SettleResult>;
export const SettleManyAnswer = Type.Object({
  results: Type.Array(SettleResult),
  leases: Type.Optional(Type.Array(Lease)),
  drain: Type.Optional(Type.Boolean()),
});
export type SettleManyAnswer = Static<typeof SettleManyAnswer>;

/** Body of `POST /v1/heartbeat`: every lease the executor holds; those it does not name are given back. */
export const ExecutorHeartbeatRequest = Type.Object(
  {
    executor: Name,
    leases: Type.Array(LeaseId, { maxItems: 10_000 }),
    load: Type.Optional(Load),
  },
  closed,
);
export type ExecutorHeartbeatRequest = Static<typeof ExecutorHeartbeatRequest>;
export const ExecutorHeartbeatAnswer = Type.Object({
  leases: Type.Array(
    Type.Object({
      lease: LeaseId,
      status: Type.Enum(["ok", "lost"]),
      cancel: Type.Boolean(),
      leaseSeconds: Seconds,
    }),
  ),
  drain: Type.Optional(Type.Boolean()),
});
export type ExecutorHeartbeatAnswer = Static<typeof ExecutorHeartbeatAnswer>;

/** Body of `POST /v1/runs`. */
export const StartRunsRequest = Type.Object(
  { runs: Type.Array(StartRun, { minItems: 1, maxItems: 10_000 }) },
  closed,
);
export type StartRunsRequest = Static<typeof StartRunsRequest>;
export const StartRunsAnswer = Type.Object({
  runs: Type.Array(Type.Object({ id: RunId, state: RunState })),
});
export type StartRunsAnswer = Static<typeof StartRunsAnswer>;

/** Answer of `GET /v1/runs/{id}`. */
export const RunAnswer = Type.Object({
  id: RunId,
  state: RunState,
  output: Type.Optional(Json),
  outputBase64: Type.Optional(Type.String()),
  error: Type.Optional(RunFailure),
});
export type RunAnswer = Static<typeof RunAnswer>;

const Schema = Type.Record(Type.String(), Type.Unknown());

/** What a task type takes and gives, for people and the forms made for them; the schemas are JSON Schema 2020-12. */
export const TaskDescription = Type.Object(
  {
    type: Name,
    title: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    description: Type.Optional(Type.String({ maxLength: 4_000 })),
    inputSchema: Type.Optional(Schema),
    outputSchema: Type.Optional(Schema),
  },
  closed,
);
export type TaskDescription = Static<typeof TaskDescription>;

/** Body of `PUT /v1/executors/{name}`. */
export const ExecutorRequest = Type.Object(
  {
    groups: Type.Array(Name, { minItems: 1, maxItems: 100 }),
    types: Type.Optional(Type.Array(Name, { maxItems: 1000 })),
    capacity: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    countsItself: Type.Optional(Type.Boolean()),
    labels: Type.Optional(Labels),
    load: Type.Optional(Load),
    maxLoad: Type.Optional(Load),
    tasks: Type.Optional(Type.Array(TaskDescription, { maxItems: 200 })),
  },
  closed,
);
export type ExecutorRequest = Static<typeof ExecutorRequest>;

/** RFC 9457 problem; `code` is stable and `field` names the member at fault. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String(),
  detail: Type.Optional(Type.String()),
  field: Type.Optional(Type.String()),
});
export type Problem = Static<typeof Problem>;
