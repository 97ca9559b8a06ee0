/** A dynamic node's runs: one for each combination of its lists (DolphinScheduler D7). */
import type { Members } from "../params/scope.ts";
import { badInput } from "../rejection.ts";
import { DYNAMIC_MAX } from "./control-input.ts";

/**
 * The cartesian product of the lists, the last of them turning fastest, without those that are not kept. Throws BAD_INPUT
 * for what is no list, and when more than `max` are kept.
 */
export function combinations(
  over: unknown,
  keeps: (combination: Members) => boolean,
  max: number,
): Members[] {
  const lists = Object.entries((over ?? {}) as Record<string, unknown>);
  const sizes = lists.map(([name, list]) => {
    if (Array.isArray(list)) return list.length;
    throw badInput(`input.over.${name}`, "must be a list, or refer to one");
  });
  const all = sizes.reduce((product, size) => product * size, 1);
  // Each is looked at, so a product that is filtered down to a few must be bounded, too.
  if (all > DYNAMIC_MAX * 10)
    throw badInput("input.over", `has ${all} combinations; at most ${DYNAMIC_MAX * 10} are looked at`);
  const kept: Members[] = [];
  for (let n = 0; n < all; n++) {
    let rest = n;
    const picked = lists.map(([name, list], at): [string, unknown] => {
      const below = sizes.slice(at + 1).reduce((product, size) => product * size, 1);
      const place = Math.floor(rest / below);
      rest %= below;
      return [name, (list as unknown[])[place]];
    });
    const combination = Object.fromEntries(picked);
    if (!keeps(combination)) continue;
    if (kept.push(combination) > max)
      throw badInput("input.max", `more than ${max} combinations are left: filter more, or raise max`);
  }
  return kept;
}

export interface MemberStep {
  /** Places to be started. */
  start: number[];
  /** What runs is to be cancelled. */
  stop: boolean;
  end: "SUCCEEDED" | "FAILED" | "CANCELLED" | null;
}

/**
 * What a node does next that starts runs of a job: so many at a time; after a failure nothing more, because only if all
 * succeed it does.
 */
export function advanceMembers(
  states: string,
  { maxParallel, suspended, cancelled }: { maxParallel: number; suspended: boolean; cancelled: boolean },
): MemberStep {
  const places = (letters: string): number[] =>
    [...states].flatMap((letter, place) => (letters.includes(letter) ? [place] : []));
  const running = places("R").length;
  const failed = places("FCB").length > 0;
  const pending = places("P");
  if (cancelled) return { start: [], stop: running > 0, end: running > 0 ? null : "CANCELLED" };
  if (failed) return { start: [], stop: false, end: running > 0 ? null : "FAILED" };
  if (pending.length + running === 0) return { start: [], stop: false, end: "SUCCEEDED" };
  return {
    start: suspended ? [] : pending.slice(0, Math.max(0, maxParallel - running)),
    stop: false,
    end: null,
  };
}
