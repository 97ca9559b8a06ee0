/** Trees of AND and OR, as DEPENDENT and CONDITIONS have them: groups of items, and a relation over the groups. */
import { word } from "./readers.ts";
import type { Fields, Members } from "./report.ts";

export type Tree = { all: Tree[] } | { any: Tree[] } | Members;

const RELATIONS = new Map([
  ["AND", "all"],
  ["OR", "any"],
] as const);

/**
 * What a dependence says; null when nothing is left of it. `leaf` makes of each item what it is here, or null of one that
 * cannot be said. Groups of one, and a single group, need no relation.
 */
export function treeOf(dependence: Fields, to: string, leaf: (item: Fields) => Members | null): Tree | null {
  const groups = dependence.each("dependTaskList", to).map((group) => {
    const leaves = group.each("dependItemList", to).map((item) => {
      const made = leaf(item);
      item.finish();
      return made;
    });
    const tree = joined(present(leaves), group, to);
    group.finish();
    return tree;
  });
  return joined(present(groups), dependence, to);
}

function joined(parts: Tree[], fields: Fields, to: string): Tree | null {
  const relation = word(fields, "relation", to, RELATIONS) ?? "all";
  const [only] = parts;
  if (only === undefined) return null;
  if (parts.length === 1) return only;
  return relation === "any" ? { any: parts } : { all: parts };
}

const present = <T>(values: (T | null)[]): T[] => values.filter((value) => value !== null);
