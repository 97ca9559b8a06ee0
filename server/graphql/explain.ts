/** Why a run is not running yet, as GraphQL shows it. */
import type { Explanation } from "../core/explain.ts";
import { GATE_KINDS, type Gate, type GateLink, LINK_KINDS } from "../core/explain-gate.ts";
import { builder } from "./builder.ts";
import { writeId } from "./id.ts";

const GateLinkType = builder.objectRef<GateLink>("GateLink").implement({
  description: "The object a gate is about; a group has a name only.",
  fields: (t) => ({
    kind: t.expose("kind", { type: builder.enumType("GateLinkKind", { values: LINK_KINDS }) }),
    id: t.id({ nullable: true, resolve: ({ kind, id }) => id && writeId(kind, id) }),
    name: t.exposeString("name"),
  }),
});

const GateType = builder.objectRef<Gate>("Gate").implement({
  description: "One thing a run has to pass before it runs.",
  fields: (t) => ({
    kind: t.expose("kind", { type: builder.enumType("GateKind", { values: GATE_KINDS }) }),
    verdict: t.field({
      type: builder.enumType("GateVerdict", { values: ["PASS", "BLOCK"] as const }),
      resolve: ({ passes }) => (passes ? "PASS" : "BLOCK"),
    }),
    message: t.exposeString("message", { description: 'What to say of it after "the run".' }),
    until: t.expose("until", {
      type: "DateTime",
      nullable: true,
      description: "When it opens, where that is known.",
    }),
    links: t.expose("links", { type: [GateLinkType] }),
  }),
});

export const ExplanationType = builder.objectRef<Explanation>("Explanation").implement({
  fields: (t) => ({
    gates: t.expose("gates", { type: [GateType], description: "In the order in which they are passed." }),
    blocker: t.expose("blocker", { type: GateType, nullable: true, description: "The first that blocks." }),
    summary: t.exposeString("summary", { description: "One sentence." }),
    estimatedStartAt: t.expose("estimatedStartAt", {
      type: "DateTime",
      nullable: true,
      description: "If runs take as long as the last ones of the job; null when nobody can say.",
    }),
  }),
});
