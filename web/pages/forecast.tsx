/** The fires of the next 30 days: where the peaks are, and how high. */
import { getRouteApi } from "@tanstack/react-router";
import { CircleAlert, RefreshCw, ZoomOut } from "lucide-react";
import { lazy, Suspense, useCallback, useMemo } from "react";
import { Button } from "../components/button.tsx";
import { useNow } from "../components/clock.ts";
import { FullestMinutes } from "../components/fullest-minutes.tsx";
import { Empty, Fault, Loading } from "../components/notice.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { SearchBox } from "../components/search-box.tsx";
import { useViewer } from "../components/viewer.tsx";
import { type Forecast, ForecastQuery } from "../graphql/forecast.ts";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import {
  endOf,
  fullestMinutes,
  type MinuteCounts,
  snapped,
  totalOf,
  type View,
  viewOf,
} from "../model/forecast.ts";
import type { ForecastSearch } from "../model/search.ts";
import { clockTime, countOf, formatCount } from "../model/time.ts";

const ForecastChart = lazy(() => import("../components/forecast-chart.tsx"));

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FULLEST = 20;
const FIRES = ["fire", "fires"] as const;
const TRIGGERS = ["trigger", "triggers"] as const;
/** Spans from now on. */
const SPANS: readonly { word: string; ms: number }[] = [
  { word: "1h", ms: HOUR_MS },
  { word: "1d", ms: DAY_MS },
  { word: "7d", ms: 7 * DAY_MS },
];
const route = getRouteApi("/forecast");

export function ForecastPage() {
  const { namespace } = useViewer();
  const { job, group } = route.useSearch();
  const navigate = route.useNavigate();
  const forecast = useLiveQuery(ForecastQuery, { namespace, job, group });
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: job });
  const change = useCallback(
    (part: ForecastSearch) => navigate({ search: (before) => ({ ...before, ...part }), replace: true }),
    [navigate],
  );
  const byJob = useCallback((text: string) => change({ job: text || undefined }), [change]);
  const byGroup = useCallback((text: string) => change({ group: text || undefined }), [change]);
  const { data, error, fetching, reload } = forecast;
  return (
    <>
      <PageHead
        title="Forecast"
        note="When triggers will fire in the next 30 days. Those that are paused are left out; a fixed delay counts as if its runs took no time."
      >
        <Button onClick={reload} disabled={fetching}>
          <RefreshCw className={`size-3.5 ${fetching ? "motion-safe:animate-spin" : ""}`} /> Compute anew
        </Button>
      </PageHead>
      <div className="mb-3 flex flex-wrap gap-2">
        <SearchBox
          label="Job by name"
          value={job ?? ""}
          apply={byJob}
          suggestions={jobs.data?.jobs.nodes.map(({ name }) => name) ?? []}
          className="max-sm:flex-1 sm:w-48"
        />
        <SearchBox
          label="Group by name"
          value={group ?? ""}
          apply={byGroup}
          className="max-sm:flex-1 sm:w-48"
        />
        {(job !== undefined || group !== undefined) && (
          <Button look="bare" onClick={() => change({ job: undefined, group: undefined })}>
            Clear filters
          </Button>
        )}
      </div>
      {data === undefined ? (
        <Panel>{error === undefined ? <Loading lines={8} /> : <Fault error={error} retry={reload} />}</Panel>
      ) : data.forecast.triggers === 0 ? (
        <Panel>
          <Empty
            title={
              job === undefined && group === undefined
                ? "No active triggers in this namespace."
                : "No active trigger fits these filters."
            }
          />
        </Panel>
      ) : (
        <div className={fetching ? "opacity-60 transition-opacity" : ""}>
          <Outlook forecast={data.forecast} change={change} />
        </div>
      )}
    </>
  );
}

type OutlookProps = { forecast: Forecast; change: (part: ForecastSearch) => void };

function Outlook({ forecast, change }: OutlookProps) {
  const { from, until } = route.useSearch();
  const minutes = useMemo<MinuteCounts>(
    () => ({
      fromMs: Date.parse(forecast.from),
      knownMs: Date.parse(forecast.until),
      counts: forecast.counts,
    }),
    [forecast],
  );
  const view = useMemo(() => viewOf(minutes, from, until), [minutes, from, until]);
  const fullest = useMemo(() => fullestMinutes(minutes, view, FULLEST), [minutes, view]);
  const now = useNow();
  const zoom = useCallback(
    (wanted: View) => {
      const { fromMs, toMs } = snapped(wanted);
      change({ from: new Date(fromMs).toISOString(), until: new Date(toMs).toISOString() });
    },
    [change],
  );
  const said = viewInWords(minutes, view, fullest[0], now);
  return (
    <div className="grid gap-4">
      <Incomplete forecast={forecast} />
      <Panel title={said} aside={<Spans minutes={minutes} view={view} change={change} />}>
        <Suspense fallback={<Loading lines={8} />}>
          <ForecastChart minutes={minutes} view={view} said={said} zoom={zoom} />
        </Suspense>
      </Panel>
      <Panel title="The fullest minutes" aside={<span className="text-xs text-muted">of what is shown</span>}>
        {fullest.length === 0 ? (
          <p className="px-4 py-4 text-muted">Nothing fires in this time.</p>
        ) : (
          <FullestMinutes minutes={fullest} zoom={zoom} />
        )}
      </Panel>
    </div>
  );
}

/** Such as `1,440 fires; the fullest minute is 21 Nov 09:00, with 12`. */
function viewInWords(
  minutes: MinuteCounts,
  view: View,
  peak: { atMs: number; fires: number } | undefined,
  now: number,
): string {
  const total = countOf(totalOf(minutes, view), FIRES);
  if (peak === undefined) return `${total} in this time`;
  const at = clockTime(new Date(peak.atMs).toISOString(), now).replace(/:00$/, "");
  return `${total}; the fullest minute is ${at}, with ${formatCount(peak.fires)}`;
}

function Incomplete({ forecast: { from, until, counts, triggers, more } }: { forecast: Forecast }) {
  const now = useNow();
  const end = Date.parse(from) + counts.length * 60_000;
  const isCut = Date.parse(until) < end - 60_000;
  if (!isCut && !more)
    return (
      <p className="text-[13px] text-muted">{countOf(triggers, TRIGGERS)} counted, all that are active.</p>
    );
  return (
    <div role="status" className="tone-waiting tinted grid gap-1 rounded-lg px-4 py-3">
      {isCut && (
        <p className="flex gap-2">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          There are too many fires to compute them all: the forecast ends at {clockTime(until, now)}. What
          comes after is not known. A filter shows more.
        </p>
      )}
      {more && (
        <p className="flex gap-2">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          There are more triggers than can be counted at once: these are the fires of {formatCount(triggers)}.
        </p>
      )}
    </div>
  );
}

type SpansProps = { minutes: MinuteCounts; view: View; change: (part: ForecastSearch) => void };

/** The same as dragging, for the keyboard. */
function Spans({ minutes, view, change }: SpansProps) {
  const whole = view.fromMs === minutes.fromMs && view.toMs === endOf(minutes);
  const show = (ms: number): void =>
    change({ from: undefined, until: new Date(minutes.fromMs + ms).toISOString() });
  return (
    <fieldset className="-mr-2 flex items-center gap-0.5 text-xs">
      <legend className="sr-only">How far ahead</legend>
      {SPANS.map(({ word, ms }) => {
        const chosen = view.fromMs === minutes.fromMs && view.toMs === minutes.fromMs + ms;
        return (
          <button
            key={word}
            type="button"
            aria-pressed={chosen}
            onClick={() => show(ms)}
            className="rounded px-2 py-1 text-muted hover:text-ink aria-pressed:bg-accent/10 aria-pressed:font-medium aria-pressed:text-accent"
          >
            {word}
          </button>
        );
      })}
      <button
        type="button"
        aria-pressed={whole}
        onClick={() => change({ from: undefined, until: undefined })}
        className="flex items-center gap-1 rounded px-2 py-1 text-muted hover:text-ink aria-pressed:bg-accent/10 aria-pressed:font-medium aria-pressed:text-accent"
      >
        {!whole && <ZoomOut aria-hidden className="size-3.5" />} 30d
      </button>
    </fieldset>
  );
}
