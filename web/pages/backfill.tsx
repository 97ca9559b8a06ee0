/** One backfill: how far it is, its dates and their runs. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { OctagonPause } from "lucide-react";
import { BackfillActions } from "../components/backfill-actions.tsx";
import { BackfillProgress } from "../components/backfill-progress.tsx";
import { Badge } from "../components/badge.tsx";
import { useNow } from "../components/clock.ts";
import { JsonView } from "../components/json-view.tsx";
import { At, Took } from "../components/moment.tsx";
import { Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { Facts, PageHead, Panel } from "../components/panel.tsx";
import { StateFilter } from "../components/state-filter.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { usePoll } from "../components/use-poll.ts";
import { useViewer } from "../components/viewer.tsx";
import { type Backfill, BackfillQuery, BackfillRunEvents } from "../graphql/backfills.ts";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { isOpen, partsOf } from "../model/backfill.ts";
import type { DateSearch } from "../model/search.ts";
import { BACKFILL_DATE_STATES, backfillDateFace, backfillFace, runFace } from "../model/state.ts";
import { clockTime, countOf, formatCount, fullTime } from "../model/time.ts";

const DATES = ["date", "dates"] as const;
const PAGE = 50;
const REREAD_MS = 500;
/** A backfill ends a moment after its last run, and tells nobody. */
const POLL_MS = 2_000;
const route = getRouteApi("/backfills/$id");

export function BackfillPage() {
  const { id } = route.useParams();
  return <OneBackfill key={id} id={id} />;
}

function OneBackfill({ id }: { id: string }) {
  const { namespace } = useViewer();
  const { state, after } = route.useSearch();
  const { data, error, reload } = useLiveQuery(BackfillQuery, { id, states: state, first: PAGE, after });
  const node = data?.node;
  const backfill = node?.__typename === "Backfill" ? node : undefined;
  const reread = useThrottled(reload, REREAD_MS);
  const open = backfill !== undefined && backfill.progress.pending + backfill.progress.started > 0;
  useEvents(
    BackfillRunEvents,
    { namespace: backfill?.namespace ?? namespace, job: backfill?.job.name },
    reread,
    !open,
  );
  usePoll(
    reload,
    POLL_MS,
    backfill !== undefined && (isOpen(backfill.state) || backfill.progress.started > 0),
  );
  if (data === undefined && error !== undefined) return <Fault error={error} retry={reload} />;
  if (data === undefined) return <Loading lines={8} />;
  if (backfill === undefined) return <Empty title="There is no backfill with this id." />;
  return <Details backfill={backfill} reload={reload} />;
}

function Details({ backfill, reload }: { backfill: Backfill; reload: () => void }) {
  const { trigger, job, state, reason } = backfill;
  return (
    <>
      <PageHead
        above={
          <Link to="/backfills" className="hover:underline">
            Backfills
          </Link>
        }
        title={
          <>
            Backfill of {trigger?.name ?? job.name} <Badge face={backfillFace(state)} />
          </>
        }
        note={
          <>
            {countOf(backfill.progress.total, DATES)} · runs{" "}
            <Link to="/jobs/$name" params={{ name: job.name }} className="text-accent hover:underline">
              {job.name}
            </Link>
          </>
        }
      >
        <BackfillActions backfill={backfill} changed={reload} />
      </PageHead>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 grid-cols-1 content-start gap-4">
          {reason !== null && (
            <p className="tone-waiting tinted flex gap-2 rounded-lg px-4 py-3 wrap-anywhere">
              <OctagonPause aria-hidden className="mt-0.5 size-4 shrink-0" /> {reason}
            </p>
          )}
          <Standing backfill={backfill} />
          <Dates backfill={backfill} />
        </div>
        <div className="grid min-w-0 grid-cols-1 content-start gap-4">
          <About backfill={backfill} />
          {backfill.input !== null && (
            <Panel title="Input of its runs">
              <JsonView value={backfill.input} label="input" />
            </Panel>
          )}
        </div>
      </div>
    </>
  );
}

function Standing({ backfill: { progress } }: { backfill: Backfill }) {
  return (
    <Panel title="Progress">
      <div className="px-4 py-3">
        <BackfillProgress progress={progress} />
        <ul aria-label="Dates by state" className="mt-3 flex flex-wrap gap-x-4 gap-y-1.5 text-[13px]">
          {partsOf(progress).map(({ state, count }) => (
            <li key={state} className="flex items-center gap-1.5">
              <Badge face={backfillDateFace(state)} />
              <span className="font-semibold tabular-nums">{formatCount(count)}</span>
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

function Dates({ backfill: { dates } }: { backfill: Backfill }) {
  const { state, after } = route.useSearch();
  const navigate = route.useNavigate();
  const go = (part: DateSearch) => navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  return (
    <Panel title="Dates" aside={<span className="text-xs text-muted">in the order in which they start</span>}>
      <div className="border-b border-line px-3 py-2">
        <StateFilter
          label="States"
          states={BACKFILL_DATE_STATES}
          face={backfillDateFace}
          chosen={state ?? []}
          choose={(chosen) => go({ state: chosen, after: undefined })}
        />
      </div>
      {dates.nodes.length === 0 ? (
        <Empty title="No date is in such a state." />
      ) : (
        <Table
          label="Dates"
          head={
            <>
              <Th>Date</Th>
              <Th className="w-32">State</Th>
              <Th from="sm" right>
                Took
              </Th>
              <Th className="w-28">Run</Th>
            </>
          }
        >
          {dates.nodes.map((date) => (
            <Line key={date.scheduledAt} date={date} />
          ))}
        </Table>
      )}
      <Pager
        {...pagesBy(after, nextCursor(dates.pageInfo), (to) => go({ after: to }))}
        words={{ first: "First page", next: "Next" }}
      />
    </Panel>
  );
}

function Line({ date: { scheduledAt, state, run } }: { date: Backfill["dates"]["nodes"][number] }) {
  const now = useNow();
  return (
    <tr>
      <Td>
        <time dateTime={scheduledAt} title={fullTime(scheduledAt)} className="tabular-nums">
          {clockTime(scheduledAt, now)}
        </time>
        {run?.error != null && run.state !== "SUCCEEDED" && (
          <p className="max-w-md truncate text-xs text-muted" title={run.error.message}>
            {run.error.message}
          </p>
        )}
      </Td>
      <Td>
        <Badge face={backfillDateFace(state)} />
      </Td>
      <Td from="sm" right className="text-muted">
        {run?.startedAt == null ? "–" : <Took from={run.startedAt} to={run.endedAt} />}
      </Td>
      <Td>
        {run === null ? (
          <span className="text-muted">–</span>
        ) : (
          <Link to="/runs/$id" params={{ id: run.id }} aria-label={`Run ${run.id}`}>
            <Badge face={runFace(run.state, run.holds)} />
          </Link>
        )}
      </Td>
    </tr>
  );
}

const REPROCESS: Record<Backfill["reprocess"], string> = {
  NONE: "dates that had a run keep it",
  FAILED: "dates whose run did not succeed are run again",
  ALL: "dates that had a run are run again",
};

function About({ backfill }: { backfill: Backfill }) {
  const { trigger, maxParallel, onFailure, reprocess, priority, startedBy, createdAt, endedAt } = backfill;
  return (
    <Panel title="About">
      <Facts>
        {trigger !== null && (
          <>
            <dt>Times of</dt>
            <dd>
              <Link
                to="/triggers/$name"
                params={{ name: trigger.name }}
                className="text-accent hover:underline"
              >
                trigger {trigger.name}
              </Link>
            </dd>
          </>
        )}
        <dt>At once</dt>
        <dd>{maxParallel === 1 ? "one after the other" : formatCount(maxParallel)}</dd>
        <dt>On failure</dt>
        <dd>{onFailure === "STOP" ? "nothing new starts" : "the others go on"}</dd>
        <dt>Reprocess</dt>
        <dd>{REPROCESS[reprocess]}</dd>
        {priority !== null && (
          <>
            <dt>Priority</dt>
            <dd>{priority}</dd>
          </>
        )}
        <dt>Started by</dt>
        <dd>{startedBy}</dd>
        <dt>Created</dt>
        <dd>
          <At at={createdAt} />
        </dd>
        {endedAt !== null && (
          <>
            <dt>Ended</dt>
            <dd>
              <At at={endedAt} />
            </dd>
          </>
        )}
      </Facts>
    </Panel>
  );
}
