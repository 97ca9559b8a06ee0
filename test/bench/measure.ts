/** What a measure is: trials that each round runs in turn, and the rows that their medians make. */
import type { Ours, Peer, PeerName } from "./contestants.ts";
import type { Figures } from "./figures.ts";
import type { Spread } from "./load.ts";

/** How much time a run of the bench may take for each thing. */
export interface Effort {
  quick: boolean;
  rounds: number;
  /** Of a closed loop. */
  window: { warmUpMs: number; ms: number };
  /** Of the long measures. */
  minutes: number;
}

export interface Bench {
  ours: Ours;
  /** Those that can run here. */
  peers: readonly Peer[];
  effort: Effort;
  say: (line: string) => void;
  /** Somebody has stopped the bench. */
  isOver: () => boolean;
}

export interface Trial {
  /** Whose turn it is: a peer's name, or `ours` with a variant. */
  who: string;
  /** What is measured; contestants with the same `what` stand in one row. */
  what: string;
  /** What does not count, such as filling the queue. */
  prepare?: () => Promise<unknown>;
  run: () => Promise<Figures>;
  /** In the first round only. */
  once?: boolean;
}

/** A condition that the issue sets. */
export type Goal =
  | { against: PeerName | "best" | "floor"; ratio: number }
  | { atMost: number }
  | { atLeast: number };

export interface Source {
  who: string;
  what: string;
  figure: string;
}

export interface Row {
  name: string;
  unit: string;
  /** Whether more or less of it is better. */
  better: "more" | "less";
  ours: Source;
  peers: Partial<Record<PeerName, Source>>;
  floor?: Source;
  goals?: readonly Goal[];
  note?: string;
}

export interface Measure {
  /** For `--only`. */
  key: string;
  title: string;
  /** Trials of every round, in turn. What a round needs besides them belongs into the trials. */
  trials(bench: Bench): Trial[];
  rows(bench: Bench): Row[];
  /** Rounds when not as many as asked for: some trials take minutes. */
  rounds?: (effort: Effort) => number;
  /** Skipped here, with the reason. */
  skip?: (effort: Effort) => string | null;
}

/** The same figure from every peer that took part in `what`. */
export function fromPeers(
  peers: readonly Peer[],
  what: string | ((name: PeerName) => string),
  figure: string,
): Row["peers"] {
  return Object.fromEntries(
    peers.map(({ name }) => [
      name,
      { who: name, what: typeof what === "string" ? what : what(name), figure },
    ]),
  );
}

export function spreadFigures({ p50, p95, p99, max, count }: Spread): Figures {
  return { p50, p95, p99, max, count };
}

/** Refuses figures of work that was not done. */
export function expectAll(done: number, wanted: number, what: string): void {
  if (done !== wanted) throw new Error(`${what}: ${done} of ${wanted}`);
}
