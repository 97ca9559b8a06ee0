/**
 * What has become of every field of an export: it is in a definition, it is there with a difference, or it is not. The
 * fields of an object are read through `Fields`, which reports whatever nobody asked for, so that nothing gets lost.
 */
import { unfolded } from "./json.ts";

export interface Entry {
  /** Where it is in the export, below its process or task: `taskParams.rawScript`. */
  field: string;
  outcome: "mapped" | "different" | "unmapped";
  /** Where it has gone. */
  to?: string;
  /** Of what is unmapped. */
  value?: unknown;
  /** What the difference is, or why it is not mapped. */
  note?: string;
  /** Unmapped and no loss: empty, as it is by default, or DolphinScheduler's own bookkeeping. */
  trivial?: true;
}

export interface NodeReport {
  /** The task's name. */
  name: string;
  type: string;
  /** The node's key. */
  key: string;
  entries: Entry[];
}

export interface ProcessReport {
  /** The process's name. */
  name: string;
  job: string;
  /** Null: it has no schedule. */
  trigger: string | null;
  entries: Entry[];
  nodes: NodeReport[];
}

/** What a person has to look at before the definitions can be used. */
export interface Problem {
  process: string;
  node?: string;
  message: string;
}

export interface Report {
  processes: ProcessReport[];
  problems: Problem[];
}

/** Of DolphinScheduler's database: it numbers and dates what is there, and says nothing of what it does. */
const BOOKKEEPING = new Set([
  ...["id", "code", "version", "projectId", "projectCode", "userId", "userName", "createTime", "updateTime"],
  ...[
    "operator",
    "operateTime",
    "modifyBy",
    "operatorName",
    "scheduleReleaseState",
    "taskParamList",
    "taskParamMap",
  ],
  ...["processDefinitionId", "processDefinitionCode", "processDefinitionVersion", "processDefinitionName"],
  ...[
    "workflowDefinitionCode",
    "workflowDefinitionVersion",
    "workflowDefinitionName",
    "definitionDescription",
  ],
  ...[
    "preTaskVersion",
    "postTaskVersion",
    "globalParamMap",
    "connects",
    "targetarr",
    "nodenumber",
    "environmentName",
  ],
]);

/** Also of an object of JSON: nothing in it. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function listIn(value: unknown): unknown[] | null {
  const list = unfolded(value);
  return Array.isArray(list) ? list : null;
}

export type Members = Record<string, unknown>;

export const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One object of the export, read field by field. Names are alternatives: versions call one thing differently. */
export class Fields {
  readonly #members: Members;
  readonly #path: string;
  readonly #entries: Entry[];
  readonly #seen = new Set<string>();

  constructor(members: Members, path: string, entries: Entry[]) {
    this.#members = members;
    this.#path = path;
    this.#entries = entries;
  }

  /** Of all that is there. */
  names(): string[] {
    return Object.keys(this.#members);
  }

  /** The value of the first of the names that is there, without a word of it in the report. */
  peek(...names: string[]): unknown {
    return this.#members[this.#nameOf(names) ?? ""];
  }

  /** The value, which goes to `to`; with a note when it means something else there. */
  take(names: string | string[], to: string, note?: string): unknown {
    const name = this.#nameOf([names].flat());
    if (name === undefined) return undefined;
    const value = this.#members[name];
    // Of nothing there is no difference.
    const isSame = note === undefined || isEmpty(value);
    this.#record(name, isSame ? { outcome: "mapped", to } : { outcome: "different", to, note });
    return value;
  }

  /**
   * The value as `reader` reads it; undefined when there is nothing, and when the reader cannot read it: null. That is
   * reported as a loss, with what it should be.
   */
  read<T>(
    names: string | string[],
    to: string,
    reader: (value: unknown) => T | null,
    expected: string,
    note?: string,
  ): T | undefined {
    const name = this.#nameOf([names].flat());
    if (name === undefined) return undefined;
    const value = this.#members[name];
    const result = isEmpty(value) ? null : reader(value);
    if (result !== null || isEmpty(value)) this.take(name, to, note);
    else this.#record(name, { outcome: "unmapped", value, note: `must be ${expected}` });
    return result ?? undefined;
  }

  /**
   * The objects of a list, or of the JSON of one, as fields of their own, which are theirs to finish. Items that are no
   * objects are reported as losses.
   */
  each(names: string | string[], to: string): Fields[] {
    const name = this.#nameOf([names].flat());
    const list = this.read(names, to, (value) => listIn(value), "a list") ?? [];
    return list.flatMap((item, index) => {
      const path = `${this.#pathOf(name ?? "")}[${index}]`;
      if (isMembers(item)) return [new Fields(item, path, this.#entries)];
      this.#entries.push({ field: path, outcome: "unmapped", value: item, note: "must be an object" });
      return [];
    });
  }

  /** A word about something within the value at a name. */
  add(names: string | string[], below: string, entry: Omit<Entry, "field">): void {
    const name = this.#nameOf([names].flat());
    if (name !== undefined) this.#entries.push({ field: `${this.#pathOf(name)}${below}`, ...entry });
  }

  /** It goes nowhere, unless it has been taken. `trivial`: nobody will miss it. */
  leave(names: string | string[], note: string, trivial = false): void {
    const name = this.#nameOf([names].flat());
    if (name === undefined || this.#seen.has(name)) return;
    const value = this.#members[name];
    this.#record(name, {
      outcome: "unmapped",
      value,
      note,
      ...(trivial || isEmpty(value) ? { trivial: true } : {}),
    });
  }

  /** Another word about a field that was taken. */
  say(names: string | string[], to: string, note: string): void {
    const name = this.#nameOf([names].flat());
    if (name !== undefined) this.#record(name, { outcome: "different", to, note });
  }

  /** The object at a name, as fields that report below it; those are its own to finish. Null when it is none. */
  within(...names: string[]): Fields | null {
    const name = this.#nameOf(names);
    const value = name === undefined ? undefined : this.#members[name];
    if (name === undefined || !isMembers(value)) return null;
    this.#seen.add(name);
    return new Fields(value, this.#pathOf(name), this.#entries);
  }

  /** Reports what nobody has asked for. */
  finish(): void {
    for (const name of Object.keys(this.#members)) {
      if (this.#seen.has(name)) continue;
      if (BOOKKEEPING.has(name)) this.leave(name, "DolphinScheduler's own bookkeeping", true);
      else this.leave(name, "the importer knows no such field");
    }
  }

  #nameOf(names: string[]): string | undefined {
    return names.find((name) => Object.hasOwn(this.#members, name) && this.#members[name] !== undefined);
  }

  #pathOf(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }

  #record(name: string, entry: Omit<Entry, "field">): void {
    this.#seen.add(name);
    this.#entries.push({ field: this.#pathOf(name), ...entry });
  }
}
