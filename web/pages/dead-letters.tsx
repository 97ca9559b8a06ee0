/** Runs that failed for good: what they failed of, and the way back into the queue. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { RotateCw, Trash2, X } from "lucide-react";
import { useCallback, useState } from "react";
import { Button } from "../components/button.tsx";
import {
  DiscardDialog,
  DiscardManyDialog,
  RedriveDialog,
  RedriveManyDialog,
} from "../components/dead-letter-actions.tsx";
import { Ago } from "../components/moment.tsx";
import { Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { useViewer } from "../components/viewer.tsx";
import {
  type DeadLetter,
  type DeadLetterGroup,
  type DeadLetters,
  DeadLettersQuery,
} from "../graphql/dead-letters.ts";
import { type Live, useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { RunEvents } from "../graphql/runs.ts";
import { type DeadLetterSearch, errorTypeOf } from "../model/search.ts";
import { countOf, formatCount } from "../model/time.ts";

const PAGE = 50;
const REREAD_MS = 1_500;
const NO_FILTER = { job: undefined, type: undefined, untyped: undefined };
const route = getRouteApi("/dead-letters");

type Act = { what: "redrive" | "discard"; letter?: DeadLetter };

export function DeadLettersPage() {
  const { namespace, mayOperate } = useViewer();
  const search = route.useSearch();
  const { job, after } = search;
  const errorType = errorTypeOf(search);
  const navigate = route.useNavigate();
  const [act, setAct] = useState<Act>();
  const letters = useLiveQuery(DeadLettersQuery, {
    namespace,
    filter: { job, errorType },
    first: PAGE,
    after,
  });
  useEvents(RunEvents, { namespace }, useThrottled(letters.reload, REREAD_MS));
  const choose = useCallback(
    (part: DeadLetterSearch) =>
      navigate({
        search: (before: DeadLetterSearch) => ({ ...before, ...part, after: undefined }),
        replace: true,
      }),
    [navigate],
  );
  const count = letters.data?.deadLetterCount;
  const close = () => setAct(undefined);
  return (
    <>
      <PageHead
        title="Dead letters"
        note="Runs that failed for good. Each is kept until it is redriven or discarded."
      >
        {mayOperate && count !== undefined && count > 0 && (
          <>
            <Button onClick={() => setAct({ what: "discard" })}>
              <Trash2 className="size-3.5" /> Discard…
            </Button>
            <Button look="primary" onClick={() => setAct({ what: "redrive" })}>
              <RotateCw className="size-3.5" /> Redrive…
            </Button>
          </>
        )}
      </PageHead>
      <Groups groups={letters.data?.deadLetterGroups ?? []} search={search} choose={choose} />
      <Panel
        title={count === undefined ? "Dead letters" : countOf(count, ["dead letter", "dead letters"])}
        aside={<Chosen search={search} choose={choose} />}
      >
        <Letters letters={letters} filtered={job !== undefined || errorType !== undefined} act={setAct} />
        <Pager
          {...pagesBy(after, nextCursor(letters.data?.deadLetters.pageInfo), (to) =>
            navigate({ search: (before: DeadLetterSearch) => ({ ...before, after: to }) }),
          )}
        />
      </Panel>
      {act && <ActDialog act={act} search={search} changed={letters.reload} close={close} />}
    </>
  );
}

type ActDialogProps = { act: Act; search: DeadLetterSearch; changed: () => void; close: () => void };

function ActDialog({ act: { what, letter }, search, changed, close }: ActDialogProps) {
  if (letter === undefined) {
    const Many = what === "redrive" ? RedriveManyDialog : DiscardManyDialog;
    return <Many search={search} changed={changed} close={close} />;
  }
  const One = what === "redrive" ? RedriveDialog : DiscardDialog;
  return <One letter={letter} changed={changed} close={close} />;
}

type Choosing = { search: DeadLetterSearch; choose: (part: DeadLetterSearch) => void };

/** Of which jobs and of what they failed, the most frequent first; each is a filter. */
function Groups({ groups, search, choose }: Choosing & { groups: readonly DeadLetterGroup[] }) {
  if (groups.length === 0) return null;
  const chosen = ({ job, errorType }: DeadLetterGroup): boolean =>
    search.job === job.name && errorTypeOf(search) === (errorType ?? "");
  return (
    <ul aria-label="What they failed of" className="mb-3 flex flex-wrap gap-2">
      {groups.map((group) => (
        <li key={`${group.job.id} ${group.errorType}`}>
          <button
            type="button"
            aria-pressed={chosen(group)}
            onClick={() =>
              choose(
                chosen(group)
                  ? NO_FILTER
                  : {
                      job: group.job.name,
                      type: group.errorType ?? undefined,
                      untyped: group.errorType === null || undefined,
                    },
              )
            }
            className="flex items-center gap-2 rounded-md border border-line bg-panel px-3 py-1.5 text-left text-[13px] hover:bg-sunken aria-pressed:border-accent aria-pressed:bg-accent/10"
          >
            <span className="font-medium">{group.job.name}</span>
            <span className="font-mono text-xs text-muted">{group.errorType ?? "no type"}</span>
            <span className="tone-bad tinted rounded-full px-2 text-xs font-medium tabular-nums">
              {formatCount(group.count)}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Chosen({ search, choose }: Choosing) {
  if (search.job === undefined && errorTypeOf(search) === undefined) return null;
  return (
    <Button look="bare" onClick={() => choose(NO_FILTER)}>
      <X className="size-3.5" /> Clear filters
    </Button>
  );
}

type LettersProps = { letters: Live<DeadLetters>; filtered: boolean; act: (act: Act) => void };

function Letters({ letters, filtered, act }: LettersProps) {
  const rows = letters.data?.deadLetters.nodes;
  if (rows === undefined)
    return letters.error === undefined ? <Loading /> : <Fault error={letters.error} retry={letters.reload} />;
  if (rows.length === 0 && filtered) return <Empty title="No dead letter fits these filters." />;
  if (rows.length === 0)
    return (
      <Empty title="No dead letters.">
        <p>A run whose last retry fails comes here, unless its job says otherwise.</p>
      </Empty>
    );
  return (
    <Table
      label="Dead letters, last failure first"
      head={
        <>
          <Th>Job</Th>
          <Th from="md">Failed of</Th>
          <Th from="lg" right>
            Attempts
          </Th>
          <Th from="lg" right>
            Redriven
          </Th>
          <Th right>Failed</Th>
          <Th className="w-24" />
        </>
      }
    >
      {rows.map((letter) => (
        <Line key={letter.id} letter={letter} act={act} />
      ))}
    </Table>
  );
}

function Line({ letter, act }: { letter: DeadLetter; act: (act: Act) => void }) {
  return (
    <tr>
      <Td className="max-w-0 w-full @2xl:w-1/3">
        <div className="flex min-w-0 flex-col">
          <Link to="/runs/$id" params={{ id: letter.id }} className="truncate font-medium hover:underline">
            {letter.job.name}
          </Link>
          <span className="truncate font-mono text-[11px] text-muted">{letter.id}</span>
          <span className="truncate text-xs text-muted @2xl:hidden">{letter.error?.message}</span>
        </div>
      </Td>
      <Td from="md" className="max-w-0 w-1/2">
        <div className="flex min-w-0 flex-col">
          <span className="truncate font-mono text-xs">{letter.error?.type ?? "–"}</span>
          <span className="truncate text-xs text-muted" title={letter.error?.message}>
            {letter.error?.message}
          </span>
        </div>
      </Td>
      <Td from="lg" right className="text-muted">
        {letter.attempt}
      </Td>
      <Td from="lg" right className="text-muted">
        {letter.redrives.length === 0 ? "–" : letter.redrives.length}
      </Td>
      <Td right className="text-muted">
        {letter.endedAt !== null && <Ago at={letter.endedAt} />}
      </Td>
      <Td right>
        <Acts letter={letter} act={act} />
      </Td>
    </tr>
  );
}

function Acts({ letter, act }: { letter: DeadLetter; act: (act: Act) => void }) {
  const { mayOperate } = useViewer();
  if (!mayOperate) return null;
  const of = `this run of ${letter.job.name}`;
  return (
    <span className="flex justify-end gap-1">
      <Button
        look="bare"
        icon
        aria-label={`Redrive ${of}`}
        title="Redrive, with another input if need be"
        onClick={() => act({ what: "redrive", letter })}
      >
        <RotateCw className="size-3.5" />
      </Button>
      <Button
        look="bare"
        icon
        aria-label={`Discard ${of}`}
        title="Discard"
        onClick={() => act({ what: "discard", letter })}
      >
        <Trash2 className="size-3.5" />
      </Button>
    </span>
  );
}
