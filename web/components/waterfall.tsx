/** A run's life on one time axis: waiting, ready and running, attempt by attempt. */

import { clockTime, formatSpan } from "../model/time.ts";
import type { TimedRun } from "../model/timeline.ts";
import { timelineOf } from "../model/timeline.ts";
import { TONE } from "./badge.tsx";
import { useNow } from "./clock.ts";

const PATTERN = {
  // Waiting and ready differ in shape as well as in colour.
  waiting: "opacity-55 h-1.5",
  ready: "opacity-80 h-3",
  running: "h-5 rounded-[3px]",
};
const WORDS = { waiting: "Waiting", ready: "Ready", running: "Running" };

export function Waterfall({ run }: { run: TimedRun }) {
  const now = useNow();
  const timeline = timelineOf(run, now);
  return (
    <div className="px-4 py-3 text-xs">
      <ul className="flex flex-col gap-1.5">
        {timeline.rows.map((row) => (
          <li key={row.label} className="grid grid-cols-[4.5rem_1fr] items-center gap-3">
            <span className="text-muted">{row.label}</span>
            <div className="relative flex h-6 items-center rounded bg-sunken">
              {row.segments.map((segment) => {
                const said = `${WORDS[segment.kind]} ${formatSpan(segment.spanMs)}`;
                return (
                  <div
                    key={segment.kind}
                    title={said}
                    className={`${TONE[segment.tone]} filled absolute min-w-[2px] ${PATTERN[segment.kind]}`}
                    style={{ left: `${segment.left * 100}%`, width: `${segment.width * 100}%` }}
                  >
                    <span className="sr-only">{said}</span>
                  </div>
                );
              })}
            </div>
          </li>
        ))}
      </ul>
      <div className="mt-1.5 ml-[5.25rem] flex items-center justify-between gap-2 text-muted tabular-nums">
        <span>{clockTime(new Date(timeline.fromMs).toISOString(), now)}</span>
        <span className="flex gap-3 max-sm:hidden">
          <Key kind="waiting" />
          <Key kind="ready" />
          <Key kind="running" />
        </span>
        <span>+{formatSpan(timeline.toMs - timeline.fromMs)}</span>
      </div>
    </div>
  );
}

function Key({ kind }: { kind: keyof typeof WORDS }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span className={`${TONE[kind]} filled inline-block w-4 ${PATTERN[kind]} max-h-3`} />
      {WORDS[kind]}
    </span>
  );
}
