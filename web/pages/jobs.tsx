/** The jobs of a namespace, each with its last runs. */
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ResultOf } from "gql.tada";
import { Play, Plus } from "lucide-react";
import { useCallback, useState } from "react";
import { Chip } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { CreateJobDialog } from "../components/create-job.tsx";
import { Ahead } from "../components/moment.tsx";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { RunSquares } from "../components/run-squares.tsx";
import { SearchBox } from "../components/search-box.tsx";
import { StartRunDialog } from "../components/start-run.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { JobEvents, type JobRow, JobsQuery } from "../graphql/jobs.ts";
import { type Live, useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { RunEvents } from "../graphql/runs.ts";
import { curlCreateJob } from "../model/curl.ts";
import type { JobSearch } from "../model/search.ts";

const PAGE = 30;
const REREAD_MS = 2_000;
const route = getRouteApi("/jobs");

export function JobsPage() {
  const { namespace, mayOperate, mayDefine } = useViewer();
  const { q, tag, after } = route.useSearch();
  const navigate = route.useNavigate();
  const [starting, setStarting] = useState<string | undefined>(undefined);
  const [creating, setCreating] = useState(false);
  const jobs = useLiveQuery(JobsQuery, { namespace, filter: { search: q, tags: tag }, first: PAGE, after });
  const reread = useThrottled(jobs.reload, REREAD_MS);
  useEvents(JobEvents, { namespace }, reread);
  useEvents(RunEvents, { namespace }, reread);
  const find = useCallback(
    (text: string) =>
      navigate({
        search: (before: JobSearch) => ({ ...before, q: text || undefined, after: undefined }),
        replace: true,
      }),
    [navigate],
  );
  return (
    <>
      <PageHead
        title="Jobs"
        note="A job says what to run: a task type, a worker group, and what to do when it fails."
      >
        {mayDefine && (
          <Button look="primary" onClick={() => setCreating(true)}>
            <Plus className="size-4" /> New job
          </Button>
        )}
      </PageHead>
      <div className="mb-3 flex">
        <SearchBox label="Search jobs" value={q ?? ""} apply={find} className="w-full sm:w-72" />
      </div>
      <Panel>
        <JobList jobs={jobs} searched={q} mayOperate={mayOperate} start={setStarting} />
        <Pager
          {...pagesBy(after, nextCursor(jobs.data?.jobs.pageInfo), (to) =>
            navigate({ search: (before: JobSearch) => ({ ...before, after: to }) }),
          )}
        />
      </Panel>
      {starting !== undefined && <StartRunDialog job={starting} close={() => setStarting(undefined)} />}
      {creating && <CreateJobDialog close={() => setCreating(false)} />}
    </>
  );
}

type JobListProps = {
  jobs: Live<ResultOf<typeof JobsQuery>>;
  searched: string | undefined;
  mayOperate: boolean;
  start: (job: string) => void;
};

function JobList({ jobs, searched, mayOperate, start }: JobListProps) {
  const target = useTarget();
  const rows = jobs.data?.jobs.nodes;
  if (rows === undefined)
    return jobs.error === undefined ? <Loading /> : <Fault error={jobs.error} retry={jobs.reload} />;
  if (rows.length === 0 && searched !== undefined) return <Empty title="No job fits this search." />;
  if (rows.length === 0)
    return (
      <Empty title="No jobs in this namespace.">
        <p>Make one here, with `npx escapement apply -f`, or over the API:</p>
        <Command>{curlCreateJob(target)}</Command>
      </Empty>
    );
  return (
    <Table
      label="Jobs"
      head={
        <>
          <Th>Job</Th>
          <Th from="md">Type and group</Th>
          <Th from="sm">Last runs</Th>
          <Th right>Next fire</Th>
          {mayOperate && <Th className="w-12" />}
        </>
      }
    >
      {rows.map((job) => (
        <Line key={job.id} job={job} start={mayOperate ? start : undefined} />
      ))}
    </Table>
  );
}

function Line({ job, start }: { job: JobRow; start: ((job: string) => void) | undefined }) {
  return (
    <tr className="row-link">
      <Td className="w-full max-w-0">
        <Link data-row to="/jobs/$name" params={{ name: job.name }} className="block truncate font-medium">
          {job.name}
        </Link>
        {job.description !== null && <p className="truncate text-xs text-muted">{job.description}</p>}
        <div className="mt-1 @lg:hidden">
          <RunSquares runs={job.runs.nodes} />
        </div>
      </Td>
      <Td from="md" className="whitespace-nowrap">
        <Chip>{job.type ?? "workflow"}</Chip> <span className="text-muted">on</span> <Chip>{job.group}</Chip>
      </Td>
      <Td from="sm">
        {job.runs.nodes.length === 0 ? (
          <span className="text-muted">none</span>
        ) : (
          <RunSquares runs={job.runs.nodes} />
        )}
      </Td>
      <Td right className="text-muted">
        {job.nextFireAt === null ? "–" : <Ahead at={job.nextFireAt} />}
      </Td>
      {start !== undefined && (
        <Td right>
          <Button
            look="bare"
            icon
            className="-my-1"
            aria-label={`Start a run of ${job.name}`}
            title="Start a run"
            onClick={() => start(job.name)}
          >
            <Play className="size-4" />
          </Button>
        </Td>
      )}
    </tr>
  );
}
