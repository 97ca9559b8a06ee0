/** Uniqueness that a job asks for, in and out. */
import type { Unique as Kinds } from "../core/unique.ts";
import { builder } from "./builder.ts";

type Of<Kind extends Kinds["kind"]> = Extract<Kinds, { kind: Kind }>;

const KEY = "A path into the input, such as input.customer; null: one for the whole job.";

const UniqueSingleton = builder.objectRef<Of<"singleton">>("UniqueSingleton").implement({
  description: "At most one run per key that has not ended.",
  fields: (t) => ({ key: t.exposeString("key", { nullable: true, description: KEY }) }),
});

const UniqueThrottle = builder.objectRef<Of<"throttle">>("UniqueThrottle").implement({
  description: "At most one start per key and interval.",
  fields: (t) => ({
    key: t.exposeString("key", { nullable: true, description: KEY }),
    every: t.expose("everyMs", { type: "Duration" }),
  }),
});

const UniqueDebounce = builder.objectRef<Of<"debounce">>("UniqueDebounce").implement({
  description: "Each start puts the waiting run off and gives it its input.",
  fields: (t) => ({
    key: t.exposeString("key", { nullable: true, description: KEY }),
    delay: t.expose("delayMs", { type: "Duration" }),
    maxWait: t.field({ type: "Duration", nullable: true, resolve: (unique) => unique.maxWaitMs }),
  }),
});

const TYPE_OF = { singleton: UniqueSingleton, throttle: UniqueThrottle, debounce: UniqueDebounce } as const;

export const Unique = builder.unionType("Unique", {
  types: [UniqueSingleton, UniqueThrottle, UniqueDebounce],
  resolveType: (unique) => TYPE_OF[unique.kind],
});

const UniqueSingletonInput = builder.inputType("UniqueSingletonInput", {
  fields: (t) => ({ key: t.string({ description: KEY }) }),
});

const UniqueThrottleInput = builder.inputType("UniqueThrottleInput", {
  fields: (t) => ({
    key: t.string({ description: KEY }),
    every: t.field({ type: "Duration", required: true, description: "At most 30 days." }),
  }),
});

const UniqueDebounceInput = builder.inputType("UniqueDebounceInput", {
  fields: (t) => ({
    key: t.string({ description: KEY }),
    delay: t.field({
      type: "Duration",
      required: true,
      description: "From the last start; at most 30 days.",
    }),
    maxWait: t.field({
      type: "Duration",
      description: "From the first start; unset: no end of putting off.",
    }),
  }),
});

export const UniqueInput = builder.inputType("UniqueInput", {
  isOneOf: true,
  description: "A start that makes no run of its own is answered with the run that is there.",
  fields: (t) => ({
    singleton: t.field({
      type: UniqueSingletonInput,
      description: "At most one run per key that has not ended.",
    }),
    throttle: t.field({ type: UniqueThrottleInput, description: "At most one start per key and interval." }),
    debounce: t.field({
      type: UniqueDebounceInput,
      description: "Each start puts the waiting run off and gives it its input.",
    }),
  }),
});
