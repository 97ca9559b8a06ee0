/** Fire times, one line each: on the reader's clock, on the schedule's where that is another, and what moved them. */
import { clockThere, type Fire, noteInWords } from "../model/schedule.ts";
import { At } from "./moment.tsx";

export type FiresProps = {
  fires: readonly Fire[];
  /** False for a schedule that goes by no wall clock: then the reader's is enough. */
  zoned: boolean;
  className: string;
};

export function Fires({ fires, zoned, className }: FiresProps) {
  return (
    <ol className={className}>
      {fires.map((fire) => {
        const there = zoned ? clockThere(fire, -new Date(fire.at).getTimezoneOffset()) : null;
        return (
          <li key={fire.at}>
            <At at={fire.at} />
            {there !== null && <span className="text-muted tabular-nums"> · {there}</span>}
            {fire.note !== null && <p className="text-xs text-muted">{noteInWords(fire.note)}</p>}
          </li>
        );
      })}
    </ol>
  );
}
