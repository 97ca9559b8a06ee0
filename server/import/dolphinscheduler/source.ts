/** The shapes of exports, brought into one: processes with tasks and the edges between them. */
import { badInput } from "../../core/rejection.ts";
import { referenceOf, unfolded } from "./json.ts";
import { Merged } from "./merged.ts";
import { items, references, text } from "./readers.ts";
import { RELATION, RELATIONS, reportRelations } from "./relations.ts";
import { type Entry, Fields, isMembers, type Members } from "./report.ts";

export interface SourceTask {
  fields: Fields;
  /** What the task does with what, by its type. */
  params: Fields;
  entries: Entry[];
  name: string;
  /** In capitals. */
  type: string;
  /** What others call it by: its code, its id, its name. */
  references: string[];
  /** What it comes after, as it calls them itself. */
  after: string[];
}

export interface SourceProcess {
  fields: Fields;
  entries: Entry[];
  name: string;
  /** What others call it by: its code, its id; in 1.x only known to the database. */
  references: string[];
  tasks: SourceTask[];
  /** Null: it has none. */
  schedule: { fields: Fields; isFlat: boolean } | null;
  /** From nowhere to where a path begins. */
  edges: { from: string | null; to: string | null }[];
}

/** A file of this many is one export after the other, which nobody has made by hand. */
const PROCESSES = 5_000;

/** Throws BAD_INPUT for what is no export of processes. */
export function readSource(value: unknown): SourceProcess[] {
  const items = Array.isArray(value) ? value : [value];
  if (items.length > PROCESSES)
    throw badInput(
      "file",
      `holds ${items.length} processes; at most ${PROCESSES} are read at once: split it`,
    );
  return items.map((item, index) => {
    const at = Array.isArray(value) ? `item ${index + 1} of the file` : "the file";
    if (!isMembers(item)) throw badInput("file", `${at} is no process: it must be an object`);
    if (item.processDefinitionJson !== undefined) return ofVersion1(item, at);
    if (isMembers(item.processDefinition) || isMembers(item.workflowDefinition)) return ofVersion2(item);
    if (item.taskDefinitionJson !== undefined || item.taskDefinitionList !== undefined)
      return ofRequest(item);
    throw badInput(
      "file",
      `${at} is no process of DolphinScheduler: it has neither processDefinition nor workflowDefinition nor processDefinitionJson`,
    );
  });
}

/** 2.x and 3.x: a definition, the tasks and the relations beside it. */
function ofVersion2(item: Members): SourceProcess {
  const entries: Entry[] = [];
  const around = new Fields(item, "", entries);
  const fields = around.within("processDefinition", "workflowDefinition");
  if (fields === null) throw new Error("looked for before");
  return assembled(around, fields, entries);
}

/** The same, as a request to create one has it: all in one object. */
function ofRequest(item: Members): SourceProcess {
  const entries: Entry[] = [];
  const fields = new Fields(item, "", entries);
  return assembled(fields, fields, entries);
}

function assembled(around: Fields, fields: Fields, entries: Entry[]): SourceProcess {
  const relations = items(around, RELATIONS, "workflow.nodes[].after", RELATION);
  const edges = relations.map(({ preTaskCode, postTaskCode }) => ({
    from: referenceOf(preTaskCode),
    to: referenceOf(postTaskCode),
  }));
  reportRelations(relations, around);
  const tasks = items(around, ["taskDefinitionList", "taskDefinitionJson"], "workflow.nodes", null);
  const schedule = around.within("schedule");
  if (schedule === null) around.leave("schedule", "it has none", true);
  if (around !== fields) around.finish();
  return {
    fields,
    entries,
    name: nameOf(fields.peek("name")),
    references: referencesOf(fields.peek("code"), fields.peek("id")),
    tasks: tasks.map((task) => {
      const code = referenceOf(task.code);
      return taskOf(
        task,
        "taskType",
        "taskParams",
        edges.flatMap(({ from, to }) => (to === code && from !== null ? [from] : [])),
      );
    }),
    schedule: schedule && { fields: schedule, isFlat: false },
    edges,
  };
}

/** 1.x: the definition as JSON within JSON, with the tasks in it, which name each other. */
function ofVersion1(item: Members, at: string): SourceProcess {
  const definition = unfolded(item.processDefinitionJson);
  if (!isMembers(definition))
    throw badInput("file", `${at} has a processDefinitionJson that is no JSON object`);
  const entries: Entry[] = [];
  const fields = new Fields({ ...item, processDefinitionJson: definition }, "", entries);
  const inner = fields.within("processDefinitionJson");
  if (inner === null) throw new Error("looked at before");
  const tasks = items(inner, "tasks", "workflow.nodes", null);
  const name = nameOf(fields.peek("processDefinitionName", "name"));
  return {
    fields: new Merged(fields, inner),
    entries,
    name,
    references: referencesOf(item.id, item.processDefinitionId),
    tasks: tasks.map((task) => taskOf(task, "type", "params", [])),
    schedule: item.scheduleCrontab == null ? null : { fields, isFlat: true },
    edges: [],
  };
}

function taskOf(task: Members, typeField: string, paramsField: string, after: string[]): SourceTask {
  const entries: Entry[] = [];
  const params = unfolded(task[paramsField]);
  const fields = new Fields({ ...task, [paramsField]: params }, "", entries);
  const inner = fields.within(paramsField) ?? new Fields({}, paramsField, entries);
  fields.leave(paramsField, "must be an object");
  const name = text(fields, "name", "key") ?? "";
  const type = (text(fields, typeField, "type") ?? "").toUpperCase();
  return {
    fields,
    params: inner,
    entries,
    name,
    type,
    references: referencesOf(task.code, task.id, task.name),
    after: [...new Set([...after, ...references(fields, "preTasks", "after")])],
  };
}

const nameOf = (value: unknown): string => (typeof value === "string" ? value : "");

const referencesOf = (...values: unknown[]): string[] =>
  values.map(referenceOf).filter((reference) => reference !== null);
