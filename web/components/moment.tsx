/** Instants and spans that keep up with the clock. */

import { clockTime, formatSpan, fullTime, relativeTime } from "../model/time.ts";
import { useNow } from "./clock.ts";

/** How far an instant is from now, its full form on hover. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={fullTime(at)} className="whitespace-nowrap tabular-nums">
      {relativeTime(at, now)}
    </time>
  );
}

/** How far ahead an instant is; `due` once it has come. */
export function Ahead({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={fullTime(at)} className="whitespace-nowrap tabular-nums">
      {Date.parse(at) <= now ? "due" : relativeTime(at, now)}
    </time>
  );
}

/** The clock time of an instant, and how far it is from now. */
export function At({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={fullTime(at)} className="tabular-nums">
      {clockTime(at, now)} <span className="text-muted">({relativeTime(at, now)})</span>
    </time>
  );
}

/** The time between two instants; counts on while there is no end. */
export function Took({ from, to }: { from: string; to: string | null }) {
  return (
    <span className="whitespace-nowrap tabular-nums">
      {to === null ? <Running from={from} /> : formatSpan(Date.parse(to) - Date.parse(from))}
    </span>
  );
}

function Running({ from }: { from: string }) {
  return formatSpan(useNow() - Date.parse(from));
}
