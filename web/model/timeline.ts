/** A run's time as a waterfall: one row per attempt, split into waiting, ready and running. */
import { type AttemptOutcome, attemptFace, type Tone } from "./state.ts";

export type TimedRun = {
  createdAt: string;
  readyAt: string | null;
  endedAt: string | null;
  attempts: readonly {
    number: number;
    startedAt: string;
    endedAt: string | null;
    outcome: AttemptOutcome;
  }[];
};

/** A stretch of one row. `left` and `width` are fractions of the whole. */
type Segment = {
  kind: "waiting" | "ready" | "running";
  tone: Tone;
  spanMs: number;
  left: number;
  width: number;
};
type TimelineRow = { label: string; segments: Segment[] };
export type Timeline = { fromMs: number; toMs: number; rows: TimelineRow[] };

type Stretch = { kind: Segment["kind"]; tone: Tone; from: number; to: number };

/** Draws the run up to now, or to its end; a reader's clock that is behind the server's shortens it, but never turns it round. Between two attempts the server keeps only the last ready time, so earlier gaps count as waiting. */
export function timelineOf(run: TimedRun, nowMs: number): Timeline {
  const fromMs = Date.parse(run.createdAt);
  const endMs = Math.max(fromMs, run.endedAt === null ? nowMs : Date.parse(run.endedAt));
  const readyMs = run.readyAt === null ? null : Date.parse(run.readyAt);
  const lines: { label: string; stretches: Stretch[] }[] = [];
  let freeMs = fromMs;
  for (const attempt of run.attempts) {
    const startMs = Math.max(freeMs, Date.parse(attempt.startedAt));
    const stopMs = Math.max(startMs, attempt.endedAt === null ? endMs : Date.parse(attempt.endedAt));
    lines.push({
      label: `Attempt ${attempt.number}`,
      stretches: [
        ...beforeStart(freeMs, startMs, readyMs),
        { kind: "running", tone: attemptFace(attempt.outcome).tone, from: startMs, to: stopMs },
      ],
    });
    freeMs = stopMs;
  }
  const inAttempt = run.attempts.at(-1)?.endedAt === null;
  if (!inAttempt && run.endedAt === null)
    lines.push({
      label: run.attempts.length === 0 ? "Start" : "Next",
      stretches: beforeStart(freeMs, endMs, readyMs),
    });
  else if (run.attempts.length === 0)
    lines.push({ label: "No attempt", stretches: beforeStart(freeMs, endMs, readyMs) });

  const ends = lines.flatMap((line) => line.stretches.map((stretch) => stretch.to));
  const toMs = Math.max(endMs, fromMs + 1, ...ends);
  const whole = toMs - fromMs;
  const rows = lines.map((line) => ({
    label: line.label,
    segments: line.stretches
      .filter((stretch) => stretch.to > stretch.from)
      .map((stretch) => ({
        kind: stretch.kind,
        tone: stretch.tone,
        spanMs: stretch.to - stretch.from,
        left: (stretch.from - fromMs) / whole,
        width: (stretch.to - stretch.from) / whole,
      })),
  }));
  return { fromMs, toMs, rows };
}

/** From `fromMs` to the start: waiting until it was ready, ready from then on. */
function beforeStart(fromMs: number, startMs: number, readyMs: number | null): Stretch[] {
  const split = readyMs !== null && readyMs >= fromMs && readyMs <= startMs ? readyMs : startMs;
  return [
    { kind: "waiting", tone: "waiting", from: fromMs, to: split },
    { kind: "ready", tone: "ready", from: split, to: startMs },
  ];
}
