/** Whether arrows lead in a circle, and the order in which they do not. */
import type { Wiring } from "./graph.ts";

/** Places in an order in which each comes after those before it; nodes in or behind a cycle are left out. */
export function inOrder({ before, after }: Pick<Wiring, "before" | "after">): number[] {
  const open = before.map((places) => places.length);
  const order = open.flatMap((count, place) => (count === 0 ? [place] : []));
  for (let at = 0; at < order.length; at++) {
    for (const next of after[order[at] as number] ?? []) {
      open[next] = (open[next] ?? 0) - 1;
      if (open[next] === 0) order.push(next);
    }
  }
  return order;
}

/** Circles in which nodes wait for each other, each as a path that ends where it began; no two share a node. */
export function findCycles(wiring: Pick<Wiring, "before" | "after">): number[][] {
  const ordered = new Set(inOrder(wiring));
  const done = new Set<number>(ordered);
  const cycles: number[][] = [];
  for (const start of wiring.before.keys()) {
    // Backwards from what is not in order there is always another such node, so the walk must come around.
    const at = new Map<number, number>();
    const path: number[] = [];
    for (let place = start; !done.has(place); ) {
      const seen = at.get(place);
      if (seen !== undefined) {
        const circle = path.slice(seen).reverse();
        const first = circle.indexOf(Math.min(...circle));
        cycles.push([...circle.slice(first), ...circle.slice(0, first + 1)]);
        break;
      }
      at.set(place, path.length);
      path.push(place);
      place = (wiring.before[place] ?? []).find((one) => !ordered.has(one)) ?? start;
    }
    for (const place of path) done.add(place);
  }
  return cycles;
}

/** For each place, whether another one comes before it, however far. Of a graph without cycles. */
export function ancestry({
  before,
  after,
}: Pick<Wiring, "before" | "after">): (place: number, of: number) => boolean {
  const words = Math.ceil(before.length / 32);
  const sets = before.map(() => new Uint32Array(words));
  for (const place of inOrder({ before, after })) {
    const own = sets[place] as Uint32Array;
    for (const one of before[place] ?? []) {
      const theirs = sets[one] as Uint32Array;
      for (let word = 0; word < words; word++) own[word] = (own[word] as number) | (theirs[word] as number);
      own[one >>> 5] = (own[one >>> 5] as number) | (1 << (one & 31));
    }
  }
  return (place, of) => (((sets[of] as Uint32Array)[place >>> 5] as number) & (1 << (place & 31))) !== 0;
}
