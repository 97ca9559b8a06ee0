/** Retry policies, in and out. */
import type { RetryPolicy } from "../core/retry.ts";
import { builder } from "./builder.ts";

type PolicyOf<Kind extends RetryPolicy["kind"]> = Extract<RetryPolicy, { kind: Kind }>;

const RetryOff = builder.objectRef<PolicyOf<"off">>("RetryOff").implement({
  fields: (t) => ({ off: t.boolean({ resolve: () => true }) }),
});

const FixedRetry = builder.objectRef<PolicyOf<"fixed">>("FixedRetry").implement({
  fields: (t) => ({
    delay: t.expose("delayMs", { type: "Duration" }),
    max: t.exposeInt("max", { description: "Retries, not attempts." }),
    maxElapsed: t.field({ type: "Duration", nullable: true, resolve: (retry) => retry.maxElapsedMs }),
  }),
});

const BackoffRetry = builder.objectRef<PolicyOf<"backoff">>("BackoffRetry").implement({
  fields: (t) => ({
    initialDelay: t.expose("initialDelayMs", { type: "Duration" }),
    delay: t.expose("delayMs", { type: "Duration" }),
    factor: t.exposeFloat("factor"),
    cap: t.expose("capMs", { type: "Duration" }),
    max: t.exposeInt("max", { description: "Retries, not attempts." }),
    maxElapsed: t.field({ type: "Duration", nullable: true, resolve: (retry) => retry.maxElapsedMs }),
    jitter: t.exposeFloat("jitter"),
  }),
});

const TYPE_OF = { off: RetryOff, fixed: FixedRetry, backoff: BackoffRetry } as const;

export const Retry = builder.unionType("Retry", {
  types: [RetryOff, FixedRetry, BackoffRetry],
  resolveType: (retry) => TYPE_OF[retry.kind],
});

const FixedRetryInput = builder.inputType("FixedRetryInput", {
  fields: (t) => ({
    delay: t.field({ type: "Duration", defaultValue: "PT10S" }),
    max: t.int({ defaultValue: 3, description: "Retries, not attempts." }),
    maxElapsed: t.field({ type: "Duration" }),
  }),
});

const BackoffRetryInput = builder.inputType("BackoffRetryInput", {
  fields: (t) => ({
    initialDelay: t.field({ type: "Duration", defaultValue: "PT10S" }),
    delay: t.field({ type: "Duration", defaultValue: "PT5S" }),
    factor: t.float({ defaultValue: 2 }),
    cap: t.field({ type: "Duration", defaultValue: "PT1H" }),
    max: t.int({ defaultValue: 3, description: "Retries, not attempts." }),
    maxElapsed: t.field({ type: "Duration" }),
    jitter: t.float({ defaultValue: 0.1 }),
  }),
});

export const RetryInput = builder.inputType("RetryInput", {
  isOneOf: true,
  fields: (t) => ({
    inherit: t.boolean({
      description:
        "True: what the next level says. A run asks its job, a job its namespace, that the server.",
    }),
    off: t.boolean(),
    fixed: t.field({ type: FixedRetryInput }),
    backoff: t.field({ type: BackoffRetryInput }),
  }),
});
