/** What happens now: counts, rates, the last hour, the latest runs. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { Info } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useMemo } from "react";
import { TONE } from "../components/badge.tsx";
import { useNow } from "../components/clock.ts";
import { StateIcon } from "../components/icon.tsx";
import { LiveRuns } from "../components/live-runs.tsx";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { useNumbers } from "../components/numbers.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { useLiveQuery } from "../graphql/live.ts";
import { HistoryQuery, type Numbers } from "../graphql/overview.ts";
import { useRunList } from "../graphql/run-list.ts";
import { chartColumns } from "../model/chart.ts";
import { curlCreateJob, curlTakeLease } from "../model/curl.ts";
import { adviceFor } from "../model/health.ts";
import { CHART_MINUTES, type RunSearch } from "../model/search.ts";
import { type RunState, runFace } from "../model/state.ts";
import { formatCount, formatRate, formatSpan } from "../model/time.ts";

const RateChart = lazy(() => import("../components/rate-chart.tsx"));

const HOUR_MINUTES = 60;
const HISTORY_EVERY_MS = 10_000;
const LATEST = 10;
const NO_FILTER: RunSearch = {};
const route = getRouteApi("/");

export function OverviewPage() {
  const numbers = useNumbers();
  return (
    <>
      <PageHead title="Overview" />
      {numbers === undefined ? <Loading lines={3} /> : <Now numbers={numbers} />}
      <div className="mt-4 grid gap-4">
        <History />
        <LatestRuns />
      </div>
    </>
  );
}

function Now({ numbers }: { numbers: Numbers }) {
  const target = useTarget();
  const advice = adviceFor(numbers);
  return (
    <>
      {advice.length > 0 && (
        <div role="status" className="tone-waiting tinted mb-4 rounded-lg px-4 py-3">
          {advice.map((sentence) => (
            <p key={sentence} className="flex gap-2">
              <Info aria-hidden className="mt-0.5 size-4 shrink-0" /> {sentence}
            </p>
          ))}
          {numbers.executorsOnline === 0 && (
            <div className="mt-3">
              <Command>{curlTakeLease(target)}</Command>
            </div>
          )}
        </div>
      )}
      <div className="grid grid-cols-3 gap-2 sm:gap-3 xl:grid-cols-6">
        <Count state="WAITING" count={numbers.waiting} when="now" />
        <Count state="READY" count={numbers.ready} when="now" />
        <Count state="RUNNING" count={numbers.running} when="now" />
        <Count state="SUCCEEDED" count={numbers.succeeded} when="last 24 h" />
        <Count state="FAILED" count={numbers.failed} when="last 24 h" />
        <Count state="CANCELLED" count={numbers.cancelled} when="last 24 h" />
      </div>
      <dl className="mt-3 grid grid-cols-2 gap-px overflow-hidden rounded-lg border border-line bg-line sm:grid-cols-5">
        <Gauge name="Starting" unit="runs/s">
          {formatRate(numbers.startRate)}
        </Gauge>
        <Gauge name="Ending" unit="runs/s">
          {formatRate(numbers.endRate)}
        </Gauge>
        <Gauge name="Oldest ready run">{spanOrNone(numbers.oldestReadySeconds)}</Gauge>
        <Gauge name="Triggers behind by">{spanOrNone(numbers.triggerLatenessSeconds)}</Gauge>
        <Gauge name="Executors online" className="max-sm:col-span-2">
          <Link to="/executors" className="hover:underline">
            {formatCount(numbers.executorsOnline)}
          </Link>
        </Gauge>
      </dl>
    </>
  );
}

const spanOrNone = (seconds: number | null): ReactNode =>
  seconds === null ? <span className="font-normal text-muted">none</span> : formatSpan(seconds * 1000);

function Count({ state, count, when }: { state: RunState; count: number; when: string }) {
  const face = runFace(state);
  const lively = count > 0;
  return (
    <Link
      to="/runs"
      search={{ state: [state] }}
      className={`${TONE[face.tone]} group rounded-lg border border-line bg-panel px-3 py-2.5 hover:border-(--tone) sm:px-4 sm:py-3`}
    >
      <span className={`flex items-center gap-1.5 text-xs font-medium ${lively ? "toned" : "text-muted"}`}>
        <StateIcon icon={face.icon === "spinner" && !lively ? "queued" : face.icon} />
        <span className="truncate">{face.word}</span>
      </span>
      <span
        className={`mt-1 block text-xl font-semibold tracking-tight tabular-nums sm:text-2xl ${lively ? "" : "text-muted"}`}
      >
        {formatCount(count)}
      </span>
      <span className="block text-[11px] text-muted">{when}</span>
    </Link>
  );
}

function Gauge(props: { name: string; unit?: string; children: ReactNode; className?: string }) {
  return (
    <div className={`bg-panel px-4 py-2.5 ${props.className ?? ""}`}>
      <dt className="text-[11px] text-muted">{props.name}</dt>
      <dd className="text-[15px] font-semibold tabular-nums">
        {props.children}
        {props.unit !== undefined && (
          <span className="ml-1 text-[11px] font-normal text-muted">{props.unit}</span>
        )}
      </dd>
    </div>
  );
}

function History() {
  const { namespace } = useViewer();
  const { minutes = HOUR_MINUTES } = route.useSearch();
  const { data, error, reload } = useLiveQuery(HistoryQuery, { namespace, minutes });
  useEffect(() => {
    const timer = window.setInterval(() => !document.hidden && reload(), HISTORY_EVERY_MS);
    return () => window.clearInterval(timer);
  }, [reload]);
  const minute = Math.floor(useNow() / 60_000);
  const columns = useMemo(
    () => data && chartColumns(data.overview.history, minutes, minute * 60_000),
    [data, minutes, minute],
  );
  return (
    <Panel title="Runs per minute" aside={<Windows chosen={minutes} />}>
      {columns === undefined ? (
        error === undefined ? (
          <Loading lines={6} />
        ) : (
          <Fault error={error} retry={reload} />
        )
      ) : (
        <Suspense fallback={<Loading lines={6} />}>
          <RateChart columns={columns} />
        </Suspense>
      )}
    </Panel>
  );
}

/** How far back the chart looks. */
function Windows({ chosen }: { chosen: number }) {
  return (
    <nav aria-label="How far back" className="-mr-2 flex gap-0.5 text-xs">
      {CHART_MINUTES.map((minutes) => (
        <Link
          key={minutes}
          to="/"
          search={{ minutes: minutes === HOUR_MINUTES ? undefined : minutes }}
          replace
          className={`rounded px-2 py-1 hover:text-ink ${minutes === chosen ? "bg-accent/10 font-medium text-accent" : "text-muted"}`}
        >
          {formatSpan(minutes * 60_000)}
        </Link>
      ))}
    </nav>
  );
}

function LatestRuns() {
  const { namespace } = useViewer();
  const target = useTarget();
  const list = useRunList(namespace, NO_FILTER, LATEST);
  return (
    <Panel
      title="Latest runs"
      aside={
        <Link to="/runs" className="text-[13px] text-accent hover:underline">
          All runs
        </Link>
      }
    >
      {list.rows.length > 0 ? (
        <LiveRuns label="Latest runs" list={list} />
      ) : list.error !== undefined ? (
        <Fault error={list.error} retry={list.reload} />
      ) : list.fetching ? (
        <Loading />
      ) : (
        <Empty title="Nothing has run here yet.">
          <p>A job says what to run. Make one, then start it from its page:</p>
          <Command>{curlCreateJob(target)}</Command>
        </Empty>
      )}
    </Panel>
  );
}
