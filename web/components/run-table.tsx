/** Runs, one line each. */
import { Link } from "@tanstack/react-router";
import type { RunRow } from "../graphql/runs.ts";
import { holdInWords } from "../model/holds.ts";
import { hasEnded, runFace } from "../model/state.ts";
import { Badge, Chip } from "./badge.tsx";
import { useNow } from "./clock.ts";
import { Ago, Took } from "./moment.tsx";
import { ProgressBar } from "./progress.tsx";
import { Table, Td, Th } from "./table.tsx";

export type RunTableProps = {
  label: string;
  rows: readonly RunRow[];
  arrived?: ReadonlySet<string>;
  /** Leave the job's name out where every row has the same. */
  oneJob?: boolean;
};

export function RunTable({ label, rows, arrived, oneJob = false }: RunTableProps) {
  return (
    <Table
      label={label}
      head={
        <>
          <Th className="w-32">State</Th>
          <Th>{oneJob ? "Run" : "Job"}</Th>
          <Th from="lg">From</Th>
          {!oneJob && <Th from="md">Tags</Th>}
          <Th from="sm" right>
            Attempt
          </Th>
          <Th right>Created</Th>
          <Th from="sm" right>
            Took
          </Th>
        </>
      }
    >
      {rows.map((run) => (
        <Line key={run.id} run={run} oneJob={oneJob} arriving={arrived?.has(run.id) ?? false} />
      ))}
    </Table>
  );
}

function Line({ run, oneJob, arriving }: { run: RunRow; oneJob: boolean; arriving: boolean }) {
  return (
    <tr className={`row-link ${arriving ? "arriving" : ""}`}>
      <Td>
        <Badge face={runFace(run.state, run.holds)} />
      </Td>
      <Td className="max-w-0 w-full">
        <div className="flex min-w-0 items-baseline gap-2">
          <Link data-row to="/runs/$id" params={{ id: run.id }} className="truncate font-medium">
            {oneJob ? run.id : run.job.name}
          </Link>
          {!oneJob && (
            <span className="truncate font-mono text-[11px] text-muted @max-lg:hidden">{run.id}</span>
          )}
        </div>
        <Remark run={run} />
      </Td>
      <Td from="lg" className="max-w-40 truncate whitespace-nowrap text-muted">
        {run.trigger?.name ?? "by hand or API"}
      </Td>
      {!oneJob && (
        <Td from="md" className="max-w-56">
          <span className="flex items-center gap-1">
            {run.tags.slice(0, 2).map((tag) => (
              <Chip key={tag}>{tag}</Chip>
            ))}
            {run.tags.length > 2 && (
              <span className="text-xs text-muted" title={run.tags.join(", ")}>
                +{run.tags.length - 2}
              </span>
            )}
          </span>
        </Td>
      )}
      <Td from="sm" right className="text-muted">
        {run.attempt === 0 ? "–" : run.attempt}
      </Td>
      <Td right className="text-muted">
        <Ago at={run.createdAt} />
      </Td>
      <Td from="sm" right>
        {run.startedAt === null || (!hasEnded(run.state) && run.state !== "RUNNING") ? (
          <span className="text-muted">–</span>
        ) : (
          <Took from={run.startedAt} to={run.endedAt} />
        )}
      </Td>
    </tr>
  );
}

/** The second line: why it failed, why it waits, or how far it is. */
function Remark({ run }: { run: RunRow }) {
  if (run.state === "RUNNING" && run.progress !== null)
    return (
      <div className="mt-1 max-w-48">
        <ProgressBar value={run.progress} />
      </div>
    );
  if (run.state === "WAITING" && run.holds.length > 0)
    return (
      <p className="truncate text-xs text-muted">
        <Holds holds={run.holds} />
      </p>
    );
  if (run.error !== null && run.state !== "SUCCEEDED")
    return <p className="truncate text-xs text-muted">{run.error.message}</p>;
  return null;
}

function Holds({ holds }: { holds: RunRow["holds"] }) {
  const now = useNow();
  return holds.map((hold) => holdInWords(hold, now)).join("; ");
}
