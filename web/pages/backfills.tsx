/** The backfills of a namespace, newest first, and how far each is. */
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ResultOf } from "gql.tada";
import { Plus } from "lucide-react";
import { lazy, Suspense, useCallback, useState } from "react";
import { BackfillProgress } from "../components/backfill-progress.tsx";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { Ago } from "../components/moment.tsx";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { Chosen } from "../components/run-filters.tsx";
import { SearchBox } from "../components/search-box.tsx";
import { StateFilter } from "../components/state-filter.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { usePoll } from "../components/use-poll.ts";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { type BackfillRow, BackfillsQuery } from "../graphql/backfills.ts";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { type Live, useLiveQuery } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { isOpen } from "../model/backfill.ts";
import { curlCreateBackfill } from "../model/curl.ts";
import type { BackfillSearch } from "../model/search.ts";
import { BACKFILL_STATES, backfillFace } from "../model/state.ts";
import { countOf } from "../model/time.ts";

const BackfillDialog = lazy(() => import("../components/backfill-dialog.tsx"));

const PAGE = 50;
const POLL_MS = 3_000;
const DATES = ["date", "dates"] as const;
const route = getRouteApi("/backfills");

export function BackfillsPage() {
  const { namespace, mayOperate } = useViewer();
  const { state, job, trigger, after } = route.useSearch();
  const navigate = route.useNavigate();
  const [creating, setCreating] = useState(false);
  const filter = { states: state, job, trigger };
  const backfills = useLiveQuery(BackfillsQuery, { namespace, filter, first: PAGE, after });
  const rows = backfills.data?.backfills.nodes ?? [];
  usePoll(
    backfills.reload,
    POLL_MS,
    rows.some((backfill) => isOpen(backfill.state)),
  );
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: job });
  const change = useCallback(
    (part: BackfillSearch) =>
      navigate({ search: (before) => ({ ...before, ...part, after: undefined }), replace: true }),
    [navigate],
  );
  const byJob = useCallback((text: string) => change({ job: text || undefined }), [change]);
  return (
    <>
      <PageHead title="Backfills" note="A backfill runs a job once for each of a set of past times.">
        {mayOperate && (
          <Button look="primary" onClick={() => setCreating(true)}>
            <Plus className="size-4" /> New backfill
          </Button>
        )}
      </PageHead>
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <StateFilter
          label="States"
          states={BACKFILL_STATES}
          face={backfillFace}
          chosen={state ?? []}
          choose={(chosen) => change({ state: chosen })}
        />
        <SearchBox
          label="Job by name"
          value={job ?? ""}
          apply={byJob}
          suggestions={jobs.data?.jobs.nodes.map(({ name }) => name) ?? []}
          className="max-sm:flex-1 sm:w-44"
        />
        {trigger !== undefined && (
          <Chosen word={`trigger ${trigger}`} drop={() => change({ trigger: undefined })} />
        )}
      </div>
      <Panel>
        <BackfillList
          backfills={backfills}
          filtered={[state, job, trigger].some((each) => each !== undefined)}
        />
        <Pager
          {...pagesBy(after, nextCursor(backfills.data?.backfills.pageInfo), (to) =>
            navigate({ search: (before) => ({ ...before, after: to }) }),
          )}
          words={{ first: "Newest", next: "Older" }}
        />
      </Panel>
      <Suspense fallback={null}>{creating && <BackfillDialog close={() => setCreating(false)} />}</Suspense>
    </>
  );
}

type BackfillListProps = { backfills: Live<ResultOf<typeof BackfillsQuery>>; filtered: boolean };

function BackfillList({ backfills, filtered }: BackfillListProps) {
  const target = useTarget();
  const rows = backfills.data?.backfills.nodes;
  if (rows === undefined)
    return backfills.error === undefined ? (
      <Loading />
    ) : (
      <Fault error={backfills.error} retry={backfills.reload} />
    );
  if (rows.length === 0 && filtered) return <Empty title="No backfill fits these filters." />;
  if (rows.length === 0)
    return (
      <Empty title="No backfills in this namespace.">
        <p>Start one here, from a trigger's page, or over the API:</p>
        <Command>{curlCreateBackfill(target, "hello")}</Command>
      </Empty>
    );
  return (
    <Table
      label="Backfills"
      head={
        <>
          <Th>Of</Th>
          <Th className="w-28">State</Th>
          <Th from="sm" className="w-52">
            Progress
          </Th>
          <Th from="lg">By</Th>
          <Th right>Created</Th>
        </>
      }
    >
      {rows.map((backfill) => (
        <Line key={backfill.id} backfill={backfill} />
      ))}
    </Table>
  );
}

function Line({ backfill }: { backfill: BackfillRow }) {
  const { id, state, reason, job, trigger, progress, startedBy, createdAt } = backfill;
  return (
    <tr className="row-link">
      <Td className="w-full max-w-0">
        <Link data-row to="/backfills/$id" params={{ id }} className="block truncate font-medium">
          {trigger?.name ?? job.name}
        </Link>
        <p className="truncate text-xs text-muted">
          {countOf(progress.total, DATES)}
          {trigger !== null && ` · runs ${job.name}`}
          {reason !== null && ` · ${reason}`}
        </p>
        <div className="mt-1 @lg:hidden">
          <BackfillProgress progress={progress} />
        </div>
      </Td>
      <Td>
        <Badge face={backfillFace(state)} />
      </Td>
      <Td from="sm">
        <BackfillProgress progress={progress} />
      </Td>
      <Td from="lg" className="text-muted">
        {startedBy}
      </Td>
      <Td right className="text-muted">
        <Ago at={createdAt} />
      </Td>
    </tr>
  );
}
