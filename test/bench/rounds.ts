/** Runs the trials of the measures, everybody in turn within a round, and keeps every figure. */
import type { Figures } from "./figures.ts";
import type { Bench, Measure, Source } from "./measure.ts";
import type { Foreign } from "./processes.ts";
import type { Profiler } from "./profile.ts";

export class Results {
  readonly #figures = new Map<string, number[]>();
  /** The largest share of the machine that others took during a measure's trials. */
  readonly foreign = new Map<string, number>();
  /** What went wrong, for the report. */
  readonly failures: string[] = [];

  add(who: string, what: string, figures: Figures): void {
    for (const [figure, value] of Object.entries(figures)) {
      const key = keyOf({ who, what, figure });
      const values = this.#figures.get(key) ?? [];
      values.push(value);
      this.#figures.set(key, values);
    }
  }

  /** The median over the rounds; null when there is none. */
  median(source: Source): number | null {
    const values = this.values(source);
    const middle = Math.floor((values.length - 1) / 2);
    const [low, high] = [values[middle], values[Math.ceil((values.length - 1) / 2)]];
    return low === undefined || high === undefined ? null : (low + high) / 2;
  }

  /** Sorted. */
  values(source: Source): number[] {
    return [...(this.#figures.get(keyOf(source)) ?? [])].filter(Number.isFinite).sort((a, b) => a - b);
  }
}

const keyOf = ({ who, what, figure }: Source): string => [who, what, figure].join("\n");

export async function runMeasure(
  measure: Measure,
  bench: Bench,
  results: Results,
  foreign: Foreign,
  profiler: Profiler | null,
): Promise<void> {
  const rounds = measure.rounds?.(bench.effort) ?? bench.effort.rounds;
  const trials = measure.trials(bench);
  for (let round = 1; round <= rounds; round++) {
    // The order turns, so that nobody always comes after the same neighbour.
    const turned = turn(trials, measure.rounds ? 0 : round - 1);
    for (const trial of turned) {
      if (bench.isOver()) return;
      if (trial.once && round > 1) continue;
      const startedMs = performance.now();
      const label = `${measure.key} ${round}/${rounds}  ${trial.what}, ${trial.who}`;
      try {
        await trial.prepare?.();
        const profiled = profiler !== null && round === 1 && trial.who.startsWith("ours") ? profiler : null;
        await profiled?.start();
        foreign.start();
        let lines: string[] = [];
        let share = 0;
        let figures: Figures;
        try {
          figures = await trial.run();
        } finally {
          share = foreign.share();
          lines = (await profiled?.stop(`${trial.what} ${trial.who}`)) ?? [];
        }
        results.foreign.set(measure.key, Math.max(results.foreign.get(measure.key) ?? 0, share));
        results.add(trial.who, trial.what, figures);
        const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
        bench.say(`${label}: ${shown(figures)}  (${seconds} s, others ${(share * 100).toFixed(0)} %)`);
        for (const line of lines) bench.say(line);
      } catch (error) {
        if (bench.isOver()) return;
        const message = error instanceof Error ? error.message : String(error);
        results.failures.push(`${label}: ${message.split("\n")[0]}`);
        bench.say(`${label}: FAILED: ${message}`);
      }
    }
  }
}

function turn<Value>(values: Value[], by: number): Value[] {
  const at = values.length === 0 ? 0 : by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

function shown(figures: Figures): string {
  return Object.entries(figures)
    .map(
      ([name, value]) =>
        `${name} ${value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(2)}`,
    )
    .join(", ");
}
