/** Fire times, one line each: on the reader's clock, on the schedule's where that is another, and what the clocks do. */
import { clockThere, type Fire } from "../model/schedule.ts";
import { At } from "./moment.tsx";

export function Fires({ fires, className }: { fires: readonly Fire[]; className: string }) {
  return (
    <ol className={className}>
      {fires.map((fire) => {
        const there = clockThere(fire, -new Date(fire.at).getTimezoneOffset());
        return (
          <li key={fire.at}>
            <At at={fire.at} />
            {there !== null && <span className="text-muted tabular-nums"> · {there}</span>}
            {fire.note !== null && <p className="text-xs text-muted">On that day {fire.note}.</p>}
          </li>
        );
      })}
    </ol>
  );
}
