/** What a template reads, gathered from its parts. */
import { badInput } from "../rejection.ts";
import { type NodeReference, pathText } from "./scope.ts";
import { isSystemTime } from "./system.ts";
import { isTime, type Part } from "./text.ts";

/** Many times what a node needs; each is looked up and written when the node starts. */
const MAX = 1_000;

/** Each once, in the order of its first appearance. */
export interface References {
  /** The members of `params`; none for `${params}`, which is all of them. */
  params: string[];
  /** Plain names, which are looked up by precedence. */
  names: string[];
  nodes: NodeReference[];
  secrets: string[];
  /** True when the schedule time is read. */
  time: boolean;
}

export class ReferenceList {
  readonly #field: string;
  readonly #params = new Set<string>();
  readonly #names = new Set<string>();
  readonly #nodes = new Map<string, NodeReference>();
  readonly #secrets = new Set<string>();
  #time = false;
  #count = 0;

  constructor(field: string) {
    this.#field = field;
  }

  /** Throws BAD_INPUT when there are too many. */
  add(part: Part): void {
    if (typeof part === "string") return;
    if (++this.#count > MAX) throw badInput(this.#field, `has more than ${MAX} references`);
    if (isTime(part)) {
      this.#time = true;
      for (const piece of part.pieces) this.add(piece);
      return;
    }
    const { target } = part;
    if (target.kind === "params" && target.path[0] !== undefined) this.#params.add(String(target.path[0]));
    if (target.kind === "name") this.#names.add(target.name);
    if (target.kind === "secret") this.#secrets.add(target.name);
    if (target.kind === "node") {
      const { key, path } = target;
      this.#nodes.set(pathText([key, ...path]), { key, path });
    }
    const isTimeOfRun = target.kind === "run" && target.member === "scheduledAt";
    if (isTimeOfRun || (target.kind === "system" && isSystemTime(target.name))) this.#time = true;
  }

  list(): References {
    return {
      params: [...this.#params],
      names: [...this.#names],
      nodes: [...this.#nodes.values()],
      secrets: [...this.#secrets],
      time: this.#time,
    };
  }
}
