/** One job: its definition, what starts it, and its runs. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { History, Play, Plus } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { Badge, Chip } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { JsonView } from "../components/json-view.tsx";
import { LiveRuns } from "../components/live-runs.tsx";
import { Ahead, At } from "../components/moment.tsx";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { Facts, PageHead, Panel } from "../components/panel.tsx";
import { RunSquares } from "../components/run-squares.tsx";
import { StartRunDialog } from "../components/start-run.tsx";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { type Job, JobEvents, JobQuery } from "../graphql/jobs.ts";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { useRunList } from "../graphql/run-list.ts";
import { TriggerEvents } from "../graphql/triggers.ts";
import { curlStartRun } from "../model/curl.ts";
import { retryInWords } from "../model/retry.ts";
import type { RunSearch } from "../model/search.ts";
import { triggerFace } from "../model/state.ts";
import { durationInWords } from "../model/time.ts";

const TriggerDialog = lazy(() => import("../components/trigger-dialog.tsx"));
const BackfillDialog = lazy(() => import("../components/backfill-dialog.tsx"));

const RUNS = 20;
const SQUARES = 20;
const REREAD_MS = 1_500;
const route = getRouteApi("/jobs/$name");

export function JobPage() {
  const { namespace } = useViewer();
  const { name } = route.useParams();
  return <OneJob key={`${namespace}/${name}`} name={name} />;
}

function OneJob({ name }: { name: string }) {
  const { namespace } = useViewer();
  const { data, error, reload } = useLiveQuery(JobQuery, { namespace, name });
  const reread = useThrottled(reload, REREAD_MS);
  useEvents(JobEvents, { namespace }, ({ jobChanged }) => jobChanged.name === name && reread());
  useEvents(TriggerEvents, { namespace }, reread);
  const job = data?.job;
  if (job === undefined && error !== undefined) return <Fault error={error} retry={reload} />;
  if (job === undefined) return <Loading lines={8} />;
  if (job === null) return <Empty title={`There is no job ${name} in the namespace ${namespace}.`} />;
  const group = data?.groups.find((one) => one.name === job.group);
  return <Details job={job} groupLimit={group?.maxParallel ?? null} />;
}

type DefinitionProps = { job: Job; groupLimit: number | null };

function Details({ job, groupLimit }: DefinitionProps) {
  const { namespace, mayOperate } = useViewer();
  const [starting, setStarting] = useState(false);
  const [filling, setFilling] = useState(false);
  const search = useMemo<RunSearch>(() => ({ job: job.name }), [job.name]);
  const runs = useRunList(namespace, search, RUNS);
  const target = useTarget();
  return (
    <>
      <PageHead
        above={
          <Link to="/jobs" className="hover:underline">
            Jobs
          </Link>
        }
        title={job.name}
        note={job.description}
      >
        {mayOperate && (
          <>
            <Button onClick={() => setFilling(true)}>
              <History className="size-4" /> Backfill…
            </Button>
            <Button look="primary" onClick={() => setStarting(true)}>
              <Play className="size-3.5" /> Start a run
            </Button>
          </>
        )}
      </PageHead>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <Panel
          className="min-w-0 self-start"
          title="Runs"
          aside={
            <span className="flex items-center gap-3">
              <span className="max-sm:hidden">
                <RunSquares runs={runs.rows.slice(0, SQUARES)} />
              </span>
              <Link to="/runs" search={{ job: job.name }} className="text-[13px] text-accent hover:underline">
                All runs
              </Link>
            </span>
          }
        >
          {runs.rows.length > 0 ? (
            <LiveRuns label={`Runs of ${job.name}`} list={runs} oneJob />
          ) : runs.error !== undefined ? (
            <Fault error={runs.error} retry={runs.reload} />
          ) : runs.fetching ? (
            <Loading />
          ) : (
            <Empty title="This job has not run yet.">
              <p>Start it here, give it a trigger, or ask for a run:</p>
              <Command>{curlStartRun(target, job.name)}</Command>
            </Empty>
          )}
        </Panel>
        <div className="grid min-w-0 content-start gap-4">
          <Triggers job={job} />
          <Definition job={job} groupLimit={groupLimit} />
          <Panel title="Input">
            <JsonView value={job.input} label="input" />
          </Panel>
        </div>
      </div>
      <Suspense fallback={null}>
        {filling && <BackfillDialog job={job.name} close={() => setFilling(false)} />}
      </Suspense>
      {starting && <StartRunDialog job={job.name} input={job.input} close={() => setStarting(false)} />}
    </>
  );
}

function Triggers({ job }: { job: Job }) {
  const { mayDefine } = useViewer();
  const [creating, setCreating] = useState(false);
  return (
    <Panel
      title="Triggers"
      aside={
        mayDefine && (
          <Button look="bare" className="-mr-2" onClick={() => setCreating(true)}>
            <Plus className="size-4" /> New trigger
          </Button>
        )
      }
    >
      {job.triggers.nodes.length === 0 ? (
        <p className="px-4 py-4 text-muted">None: it runs only when someone asks for it.</p>
      ) : (
        <ul className="divide-y divide-line">
          {job.triggers.nodes.map((trigger) => (
            <li key={trigger.id} className="row-link px-4 py-2.5">
              <div className="flex items-center justify-between gap-2">
                <Link
                  data-row
                  to="/triggers/$name"
                  params={{ name: trigger.name }}
                  className="truncate font-medium"
                >
                  {trigger.name}
                </Link>
                <Badge face={triggerFace(trigger.state)} />
              </div>
              <p className="text-xs text-muted">
                {trigger.scheduleInWords}
                {trigger.nextFireAt !== null && (
                  <>
                    {" "}
                    · next <Ahead at={trigger.nextFireAt} />
                  </>
                )}
              </p>
            </li>
          ))}
        </ul>
      )}
      {job.triggers.pageInfo.hasNextPage && (
        <p className="border-t border-line px-4 py-2 text-xs text-muted">
          It has more triggers than are listed here.
        </p>
      )}
      <Suspense fallback={null}>
        {creating && <TriggerDialog job={job.name} close={() => setCreating(false)} />}
      </Suspense>
    </Panel>
  );
}

function Definition({ job, groupLimit }: DefinitionProps) {
  return (
    <Panel title="Definition" aside={<span className="text-xs text-muted">version {job.version}</span>}>
      <Facts>
        <dt>Type</dt>
        <dd>
          <Chip>{job.type ?? "workflow"}</Chip>
        </dd>
        <dt>Group</dt>
        <dd>
          <Chip>{job.group}</Chip>
          {groupLimit !== null && ` ${groupLimit} at once, of all jobs`}
        </dd>
        <dt>Priority</dt>
        <dd>{job.priority}</dd>
        {job.maxParallel !== null && (
          <>
            <dt>At once</dt>
            <dd>{job.maxParallel} in the whole cluster</dd>
          </>
        )}
        {job.maxParallelPerKey !== null && (
          <>
            <dt>At once per key</dt>
            <dd>
              {job.maxParallelPerKey.max} with the same <Chip>{job.maxParallelPerKey.key}</Chip>
            </dd>
          </>
        )}
        {job.rate !== null && (
          <>
            <dt>Rate</dt>
            <dd>
              {job.rate.max} in any {durationInWords(job.rate.every)}
              {job.rate.key !== null && (
                <>
                  {" "}
                  with the same <Chip>{job.rate.key}</Chip>
                </>
              )}
            </dd>
          </>
        )}
        <dt>Retries</dt>
        <dd>{retryInWords(job.retry)}</dd>
        <dt>Timeout</dt>
        <dd>{durationInWords(job.timeout)} per attempt</dd>
        <dt>Late after</dt>
        <dd>{durationInWords(job.startDeadline)}</dd>
        {job.tags.length > 0 && (
          <>
            <dt>Tags</dt>
            <dd className="flex flex-wrap gap-1">
              {job.tags.map((tag) => (
                <Chip key={tag}>{tag}</Chip>
              ))}
            </dd>
          </>
        )}
        <dt>Changed</dt>
        <dd>
          <At at={job.updatedAt} />
        </dd>
      </Facts>
    </Panel>
  );
}
