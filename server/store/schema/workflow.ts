/** The tables of workflows, for drizzle: what goes on in one, and what its nodes are told and have led to. */
import { sql } from "drizzle-orm";
import { check, customType, index, integer, jsonb, primaryKey, text } from "drizzle-orm/pg-core";
import { escapement, instant, namespace, runId } from "../schema.ts";

const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/**
 * A run that has members: a workflow's nodes, or what a node of type `workflow` or `dynamic` starts. Partitioned by the
 * run's id, like all that hangs on runs.
 */
export const workflowRun = escapement.table(
  "workflow_run",
  {
    runId: runId().primaryKey(),
    /** core/workflow/state's letters, one per member. */
    states: text().notNull(),
    /** Where nodes that choose have gone on: {place: [places]}. */
    chosen: jsonb().notNull().default({}),
    /** core/workflow/scope's RunOptions. */
    options: jsonb().notNull().default({}),
    /** JSON text, a list: the inputs of the runs that a node starts; null: the members are nodes. */
    members: text(),
    /** core/workflow/resume's Resume: how an ended run goes on, from the next look at it. */
    resume: jsonb(),
    /** Its members have been told to stop, and why. */
    halt: text(),
    /** Why a member could not be started. */
    fault: text(),
  },
  () => [
    check("workflow_run_states", sql`states ~ '^[PRSFIOKXCB]*$'`),
    check("workflow_run_halt", sql`halt in ('FAILED', 'CANCELLED', 'TIMED_OUT')`),
  ],
);

/** The run of a member, the newest if there were several. Partitioned by the id of the run it is a member of. */
export const workflowMember = escapement.table(
  "workflow_member",
  {
    runId: runId().notNull(),
    place: integer().notNull(),
    memberId: runId().notNull(),
    /** JSON text of what nodes before it have handed on by name: core/workflow/hand-on. */
    handedOn: text(),
  },
  (t) => [
    primaryKey({ name: "workflow_member_once", columns: [t.runId, t.place] }),
    index("workflow_member_run").on(t.runId, t.memberId),
  ],
);

/** A signal that a workflow's run was sent; a node that waits for it may come later. Partitioned by the run's id. */
export const workflowSignal = escapement.table(
  "workflow_signal",
  {
    runId: runId().notNull(),
    name: text().notNull(),
    /** JSON text. */
    payload: text(),
    sentBy: text().notNull(),
    sentAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [primaryKey({ name: "workflow_signal_once", columns: [t.runId, t.name] })],
);

/** What a node with `cache` led to: by its definition and its input. */
export const nodeCache = escapement.table(
  "node_cache",
  {
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    /** SHA-256 of both. */
    key: bytea().notNull(),
    runId: runId().notNull(),
    usedAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [
    primaryKey({ name: "node_cache_once", columns: [t.namespaceId, t.key] }),
    index("node_cache_used").on(t.usedAt),
  ],
);

/** A workflow as somebody is drawing it, whether or not there is one of that name. */
export const workflowDraft = escapement.table(
  "workflow_draft",
  {
    namespaceId: integer()
      .notNull()
      .references(() => namespace.id),
    name: text().notNull(),
    /** JSON text of a JobInput, as it was sent. */
    content: text().notNull(),
    /** Grows with every change. */
    revision: integer().notNull().default(1),
    savedBy: text().notNull(),
    savedAt: instant().notNull().default(sql`escapement.clock()`),
  },
  (t) => [primaryKey({ name: "workflow_draft_once", columns: [t.namespaceId, t.name] })],
);
