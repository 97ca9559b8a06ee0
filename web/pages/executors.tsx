/** The worker processes that the control plane knows. */
import { getRouteApi } from "@tanstack/react-router";
import type { ResultOf } from "gql.tada";
import { useCallback } from "react";
import { Badge, Chip } from "../components/badge.tsx";
import { ExecutorActions } from "../components/executor-actions.tsx";
import { Ago } from "../components/moment.tsx";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { SearchBox } from "../components/search-box.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { type Executor, ExecutorEvents, ExecutorsQuery } from "../graphql/executors.ts";
import { type Live, useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { curlTakeLease } from "../model/curl.ts";
import { labelsInWords, loadInWords } from "../model/executor.ts";
import type { ExecutorSearch } from "../model/search.ts";
import { executorFace } from "../model/state.ts";
import { formatCount } from "../model/time.ts";

const PAGE = 50;
const REREAD_MS = 1_500;
const route = getRouteApi("/executors");

export function ExecutorsPage() {
  const { namespace } = useViewer();
  const { q, after } = route.useSearch();
  const navigate = route.useNavigate();
  const executors = useLiveQuery(ExecutorsQuery, { namespace, filter: { search: q }, first: PAGE, after });
  useEvents(ExecutorEvents, { namespace }, useThrottled(executors.reload, REREAD_MS));
  const find = useCallback(
    (text: string) =>
      navigate({
        search: (before: ExecutorSearch) => ({ ...before, q: text || undefined, after: undefined }),
        replace: true,
      }),
    [navigate],
  );
  return (
    <>
      <PageHead title="Executors" note="Worker processes. They poll groups for runs and report back." />
      <div className="mb-3 flex">
        <SearchBox label="Search executors" value={q ?? ""} apply={find} className="w-full sm:w-72" />
      </div>
      <Panel>
        <ExecutorList executors={executors} searched={q !== undefined} />
        <Pager
          {...pagesBy(after, nextCursor(executors.data?.executors.pageInfo), (to) =>
            navigate({ search: (before: ExecutorSearch) => ({ ...before, after: to }) }),
          )}
        />
      </Panel>
    </>
  );
}

type ExecutorListProps = { executors: Live<ResultOf<typeof ExecutorsQuery>>; searched: boolean };

function ExecutorList({ executors, searched }: ExecutorListProps) {
  const target = useTarget();
  const rows = executors.data?.executors.nodes;
  if (rows === undefined)
    return executors.error === undefined ? (
      <Loading />
    ) : (
      <Fault error={executors.error} retry={executors.reload} />
    );
  if (rows.length === 0 && searched) return <Empty title="No executor fits this search." />;
  if (rows.length === 0)
    return (
      <Empty title="No executor has asked for work here.">
        <p>Any program that speaks HTTP can be one. This shell becomes one for half a minute:</p>
        <Command>{curlTakeLease(target)}</Command>
      </Empty>
    );
  return (
    <Table
      label="Executors"
      head={
        <>
          <Th>Executor</Th>
          <Th className="w-28">State</Th>
          <Th from="md">Groups</Th>
          <Th from="lg">Types</Th>
          <Th className="w-36">Running</Th>
          <Th from="md">Load</Th>
          <Th from="sm" right>
            Last heartbeat
          </Th>
          <Th className="w-8">
            <span className="sr-only">Actions</span>
          </Th>
        </>
      }
    >
      {rows.map((executor) => (
        <Line key={executor.id} executor={executor} />
      ))}
    </Table>
  );
}

function Line({ executor }: { executor: Executor }) {
  return (
    <tr>
      <Td className="wrap-anywhere">
        <span className="mb-1 block font-medium">{executor.name}</span>
        <Chips words={labelsInWords(executor.labels)} />
      </Td>
      <Td>
        <Badge face={executorFace(executor.state)} />
        {executor.drainReason !== null && (
          <p className="mt-1 text-xs text-muted wrap-anywhere">{executor.drainReason}</p>
        )}
      </Td>
      <Td from="md">
        <Chips words={executor.groups} />
        {executor.serves.length > 0 && (
          <p className="mt-1 text-xs text-muted wrap-anywhere">also for {executor.serves.join(", ")}</p>
        )}
      </Td>
      <Td from="lg">
        {executor.types === null ? <span className="text-muted">any</span> : <Chips words={executor.types} />}
      </Td>
      <Td>
        <Places running={executor.running} capacity={executor.capacity} />
      </Td>
      <Td from="md">
        <Load executor={executor} />
      </Td>
      <Td from="sm" right className="text-muted">
        <Ago at={executor.lastHeartbeatAt} />
      </Td>
      <Td>
        <ExecutorActions executor={executor} />
      </Td>
    </tr>
  );
}

/** Above its limit it gets no new runs. */
const Load = ({ executor: { load, maxLoad, overloaded } }: { executor: Executor }) => (
  <span className={`text-xs tabular-nums ${overloaded ? "tone-bad toned" : "text-muted"}`}>
    {loadInWords(load, maxLoad).map((line) => (
      <span key={line} className="block whitespace-nowrap">
        {line}
      </span>
    ))}
    {overloaded && <span className="block font-medium">Too busy for more</span>}
  </span>
);

const Chips = ({ words }: { words: readonly string[] }) => (
  <span className="flex flex-wrap gap-1">
    {words.map((word) => (
      <Chip key={word}>{word}</Chip>
    ))}
  </span>
);

/** How many of its places are taken. */
function Places({ running, capacity }: { running: number; capacity: number | null }) {
  if (capacity === null) return <span className="tabular-nums">{formatCount(running)}</span>;
  const percent = capacity === 0 ? 0 : Math.min(100, (running / capacity) * 100);
  return (
    <div className="grid gap-1">
      <span className="text-xs tabular-nums">
        {formatCount(running)} <span className="text-muted">of {formatCount(capacity)}</span>
      </span>
      <div aria-hidden className="tone-running h-1.5 overflow-hidden rounded-full bg-line">
        <div className="filled h-full" style={{ width: `${percent}%` }} />
      </div>
    </div>
  );
}
