/** A year as a calendar leaves it, read page by page as far as it takes, and the way to other years. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight } from "lucide-react";
import type { ReactNode } from "react";
import { type Calendar, ExcludedQuery } from "../graphql/calendars.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { knownUntil } from "../model/calendar.ts";
import { dayOf, wallClock } from "../model/wall-clock.ts";
import { useOpened } from "./clock.ts";
import { Fault, Loading } from "./notice.tsx";
import { Panel } from "./panel.tsx";
import { useViewer } from "./viewer.tsx";
import { YearView } from "./year-view.tsx";

/** What the server gives at once. */
const STRETCHES = 200;
const DAY_MS = 86_400_000;
const route = getRouteApi("/calendars/$name");

/** The year on the calendar's own clock, or on that of UTC when it goes by the triggers'. */
export function CalendarYear({ calendar }: { calendar: Calendar }) {
  const { namespace } = useViewer();
  const timeZone = calendar.timeZone ?? "UTC";
  const present = Number(wallClock(useOpened(), timeZone).date.slice(0, 4));
  const { year = present } = route.useSearch();
  // A day early: the year begins somewhere else before it does in UTC.
  const begin = dayOf(`${year}-01-01`) * DAY_MS - DAY_MS;
  const asked = { namespace, name: calendar.name, timeZone, first: STRETCHES };
  const one = useLiveQuery(ExcludedQuery, { ...asked, from: new Date(begin).toISOString() });
  const first = one.data?.calendar?.excluded ?? [];
  const end = knownUntil(first, first.length === STRETCHES, year, timeZone);
  // Days that are each excluded in part make more than one page.
  const two = useLiveQuery(ExcludedQuery, { ...asked, from: end }, end === null);
  const second = end === null || two.fetching ? undefined : two.data?.calendar?.excluded;
  const known = second === undefined ? end : knownUntil(second, second.length === STRETCHES, year, timeZone);
  return (
    <Panel
      title={`${year}, on the clock of ${timeZone}`}
      aside={
        <nav aria-label="Years" className="-mr-2 flex">
          <YearLink year={year - 1} word="The year before">
            <ChevronLeft className="size-4" />
          </YearLink>
          <YearLink year={year + 1} word="The year after">
            <ChevronRight className="size-4" />
          </YearLink>
        </nav>
      }
    >
      {one.data === undefined ? (
        one.error === undefined ? (
          <Loading lines={8} />
        ) : (
          <Fault error={one.error} retry={one.reload} />
        )
      ) : (
        <div className={one.fetching ? "opacity-60 transition-opacity" : ""}>
          <YearView year={year} stretches={[...first, ...(second ?? [])]} timeZone={timeZone} known={known} />
        </div>
      )}
    </Panel>
  );
}

function YearLink({ year, word, children }: { year: number; word: string; children: ReactNode }) {
  return (
    <Link
      from="/calendars/$name"
      to="."
      search={(before) => ({ ...before, year })}
      replace
      aria-label={`${word}, ${year}`}
      title={String(year)}
      className="rounded p-1.5 text-muted hover:bg-sunken hover:text-ink"
    >
      {children}
    </Link>
  );
}
