/** One run: where it stands, why, what it did and what it left. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { Hourglass, OctagonX } from "lucide-react";
import { useState } from "react";
import { Attempts } from "../components/attempts.tsx";
import { Badge } from "../components/badge.tsx";
import { useNow } from "../components/clock.ts";
import { CopyButton } from "../components/copy.tsx";
import { ErrorView } from "../components/error-view.tsx";
import { Explanation } from "../components/explanation.tsx";
import { Files } from "../components/files.tsx";
import { LogView } from "../components/log-view.tsx";
import { Empty, Fault, Loading } from "../components/notice.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { ProgressBar } from "../components/progress.tsx";
import { RunActions } from "../components/run-actions.tsx";
import { RunFacts, RunValues } from "../components/run-facts.tsx";
import { RunTable } from "../components/run-table.tsx";
import { useViewer } from "../components/viewer.tsx";
import { Waterfall } from "../components/waterfall.tsx";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { type Run, RunChanged, RunQuery } from "../graphql/runs.ts";
import { holdInWords } from "../model/holds.ts";
import { runFace } from "../model/state.ts";

const REREAD_MS = 250;
const route = getRouteApi("/runs/$id");

export function RunPage() {
  const { id } = route.useParams();
  // Another run is another page: nothing of the one before may shine through.
  return <OneRun key={id} id={id} />;
}

function OneRun({ id }: { id: string }) {
  const { namespace } = useViewer();
  const { data, error, reload } = useLiveQuery(RunQuery, { id });
  const reread = useThrottled(reload, REREAD_MS);
  const run = data?.run;
  useEvents(RunChanged, { namespace: run?.namespace ?? namespace, id }, reread);
  if (run === undefined && error !== undefined) return <Fault error={error} retry={reload} />;
  if (run === undefined) return <Loading lines={8} />;
  if (run === null)
    return (
      <Empty title="There is no run with this id.">
        <p>It may have been pruned, or belong to a namespace that you may not see.</p>
      </Empty>
    );
  return <Details run={run} />;
}

function Details({ run }: { run: Run }) {
  return (
    <>
      <PageHead
        above={
          <>
            <Link to="/runs" className="hover:underline">
              Runs
            </Link>{" "}
            /{" "}
            <Link to="/jobs/$name" params={{ name: run.job.name }} className="hover:underline">
              {run.job.name}
            </Link>
          </>
        }
        title={
          <>
            {run.job.name} <Badge face={runFace(run.state, run.holds)} />
          </>
        }
        note={
          <span className="inline-flex items-center font-mono text-xs">
            {run.id} <CopyButton text={run.id} label="Copy the run's id" />
          </span>
        }
      >
        <RunActions run={run} />
      </PageHead>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 content-start gap-4">
          <Standing run={run} />
          {(run.state === "WAITING" || run.state === "READY") && <Explanation key={run.state} run={run.id} />}
          <Panel title="Time">
            <Waterfall run={run} />
          </Panel>
          <RunLog run={run} />
          <Panel title="Attempts">
            <Attempts attempts={run.attempts} />
          </Panel>
          <Children run={run} />
        </div>
        <div className="grid min-w-0 content-start gap-4">
          <RunFacts run={run} />
          <RunValues run={run} />
          {run.files.length > 0 && (
            <Panel title="Output files">
              <Files files={run.files} />
            </Panel>
          )}
        </div>
      </div>
    </>
  );
}

/** Why it waits, how far it is, or how it failed. */
function Standing({ run }: { run: Run }) {
  const now = useNow();
  if (run.holds.length > 0)
    return (
      <div className="tone-waiting tinted rounded-lg px-4 py-3">
        {run.holds.map((hold) => (
          <p key={`${hold.kind}${hold.until}`} className="flex flex-wrap items-center gap-2">
            <Hourglass aria-hidden className="size-4 shrink-0" /> It {holdInWords(hold, now)}.
            {hold.runs.map((each) => (
              <Link
                key={each.id}
                to="/runs/$id"
                params={{ id: each.id }}
                className="font-mono text-xs underline"
              >
                {each.id}
              </Link>
            ))}
          </p>
        ))}
        {run.error !== null && (
          <div className="mt-2 text-ink">
            <ErrorView error={run.error} />
          </div>
        )}
      </div>
    );
  if (run.state === "RUNNING" && (run.progress !== null || run.message !== null || run.cancelRequested))
    return (
      <div className="tone-running tinted grid gap-2 rounded-lg px-4 py-3">
        {run.cancelRequested && <p>It was asked to stop and has not done so yet.</p>}
        {run.message !== null && <p className="wrap-anywhere">{run.message}</p>}
        {run.progress !== null && <ProgressBar value={run.progress} message={run.message} />}
      </div>
    );
  if (run.error !== null && run.state !== "SUCCEEDED")
    return (
      <div className="tone-bad flex gap-2 rounded-lg bg-bad/10 px-4 py-3">
        <OctagonX aria-hidden className="toned mt-0.5 size-4 shrink-0" />
        <ErrorView error={run.error} />
      </div>
    );
  return null;
}

function RunLog({ run }: { run: Run }) {
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  const last = run.attempts.at(-1)?.number ?? run.attempt;
  const attempt = chosen ?? last;
  if (last === 0)
    return (
      <Panel title="Log">
        <p className="px-4 py-6 text-center text-muted">The log begins when a worker takes the run.</p>
      </Panel>
    );
  return (
    <Panel title="Log">
      <LogView key={attempt} run={run.id} attempt={attempt}>
        {run.attempts.length > 1 && (
          <select
            aria-label="Attempt"
            value={attempt}
            onChange={(event) => {
              const wanted = Number(event.target.value);
              setChosen(wanted === last ? undefined : wanted);
            }}
            className="h-8 rounded-md border border-line bg-panel px-2 text-[13px]"
          >
            {run.attempts.map((each) => (
              <option key={each.number} value={each.number}>
                Attempt {each.number}
              </option>
            ))}
          </select>
        )}
      </LogView>
    </Panel>
  );
}

function Children({ run }: { run: Run }) {
  if (run.children.nodes.length === 0) return null;
  return (
    <Panel title="Child runs">
      <RunTable label="Child runs" rows={run.children.nodes} />
      {run.children.pageInfo.hasNextPage && (
        <p className="border-t border-line px-4 py-2 text-xs text-muted">
          Only the newest {run.children.nodes.length} are listed here.
        </p>
      )}
    </Panel>
  );
}
