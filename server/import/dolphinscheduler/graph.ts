/** Who comes before whom: what nodes can be reached from a node, and where the edges go round. */

export interface GraphNode {
  key: string;
  after?: readonly string[];
}

/** Keys of those before a node, the nearest first. */
export function before(nodes: readonly GraphNode[], key: string): string[] {
  const afterOf = new Map(nodes.map((node) => [node.key, node.after ?? []]));
  const found = new Set<string>();
  for (let next = [...(afterOf.get(key) ?? [])]; next.length > 0; ) {
    for (const each of next) found.add(each);
    next = [...new Set(next.flatMap((each) => afterOf.get(each) ?? []))].filter((each) => !found.has(each));
  }
  return [...found];
}

/** Keys of nodes that would wait for themselves, or for such a one; empty when there is an order. */
export function endless(nodes: readonly GraphNode[]): string[] {
  const left = new Map(nodes.map((node) => [node.key, node.after ?? []]));
  for (let size = -1; size !== left.size; ) {
    size = left.size;
    for (const [key, after] of left) if (after.every((each) => !left.has(each))) left.delete(key);
  }
  return [...left.keys()];
}
