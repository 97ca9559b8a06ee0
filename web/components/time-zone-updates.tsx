/** What became of triggers when a server came with newer rules of time zones; for those who administer all of them. */
import { Link } from "@tanstack/react-router";
import { useLiveQuery } from "../graphql/live.ts";
import { type TimeZoneUpdate, TimeZoneUpdatesQuery } from "../graphql/time-zones.ts";
import { clockTime, countOf, formatCount } from "../model/time.ts";
import { useOpened } from "./clock.ts";
import { At } from "./moment.tsx";
import { Panel } from "./panel.tsx";
import { useViewer } from "./viewer.tsx";

const TRIGGERS = ["trigger", "triggers"] as const;
/** Moves listed of one update. */
const LISTED = 50;

/** Nothing while there has been no update. */
export function TimeZoneUpdates() {
  const { mayDefine, seesAll } = useViewer();
  const { data } = useLiveQuery(TimeZoneUpdatesQuery, {}, !mayDefine || !seesAll);
  const updates = data?.timeZoneUpdates ?? [];
  if (updates.length === 0) return null;
  return (
    <Panel className="mt-4" title="Rules of time zones">
      <ul className="divide-y divide-line text-[13px]">
        {updates.map((update) => (
          <Update key={update.at} update={update} />
        ))}
      </ul>
    </Panel>
  );
}

function Update({
  update: { at, before, after, endedAt, examined, moved, moves },
}: {
  update: TimeZoneUpdate;
}) {
  const now = useOpened();
  return (
    <li className="px-4 py-2.5">
      <p>
        <At at={at} /> From {before} to {after}:{" "}
        {endedAt === null
          ? "the next times are still being computed."
          : `${moved === 0 ? "none" : formatCount(moved)} of ${countOf(examined, TRIGGERS)} moved.`}
      </p>
      {moves.length > 0 && (
        <details className="mt-1 text-xs text-muted">
          <summary className="cursor-pointer">From when to when</summary>
          <ul className="mt-1 grid gap-0.5">
            {moves.slice(0, LISTED).map((move) => (
              <li key={`${move.trigger?.id} ${move.before}`} className="tabular-nums">
                {move.trigger === null ? (
                  "one that is gone"
                ) : (
                  <Link
                    to="/triggers/$name"
                    params={{ name: move.trigger.name }}
                    search={{ ns: move.trigger.namespace }}
                    className="text-accent hover:underline"
                  >
                    {move.trigger.name}
                  </Link>
                )}
                : {clockTime(move.before, now)} to {clockTime(move.after, now)}
              </li>
            ))}
            {moves.length > LISTED && <li>and {formatCount(moves.length - LISTED)} more</li>}
          </ul>
        </details>
      )}
    </li>
  );
}
