/** How far a backfill is: a bar with a part for each state that its dates are in. */
import { doneShare, type Progress, partsOf } from "../model/backfill.ts";
import { formatCount } from "../model/time.ts";
import { TONE } from "./badge.tsx";

export function BackfillProgress({ progress }: { progress: Progress }) {
  const parts = partsOf(progress);
  const percent = Math.floor(doneShare(progress) * 100);
  const said = parts.map(({ count, word }) => `${formatCount(count)} ${word.toLowerCase()}`).join(", ");
  return (
    <div className="flex items-center gap-2 text-xs">
      <div
        role="progressbar"
        aria-label={said}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
        title={said}
        className="flex h-2 min-w-24 flex-1 gap-px overflow-hidden rounded-full bg-line"
      >
        {parts
          .filter(({ state }) => state !== "PENDING")
          .map(({ state, tone, share }) => (
            <div
              key={state}
              className={`${TONE[tone]} filled h-full motion-safe:transition-[width]`}
              style={{ width: `${share * 100}%` }}
            />
          ))}
      </div>
      <span className="text-right whitespace-nowrap text-muted tabular-nums">{percent} %</span>
    </div>
  );
}
