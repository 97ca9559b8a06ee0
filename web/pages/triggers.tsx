/** The triggers of a namespace, in words, with their next fire times. */
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ResultOf } from "gql.tada";
import { Plus } from "lucide-react";
import { useCallback, useState } from "react";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { useNow } from "../components/clock.ts";
import { CreateTriggerDialog } from "../components/create-trigger.tsx";
import { Ago, Ahead } from "../components/moment.tsx";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { SearchBox } from "../components/search-box.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { TriggerActions } from "../components/trigger-actions.tsx";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { type Live, useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { type ListedTrigger, TriggerEvents, TriggersQuery } from "../graphql/triggers.ts";
import { curlCreateTrigger } from "../model/curl.ts";
import { scheduleInWords } from "../model/schedule.ts";
import { TRIGGER_STATES, type TriggerSearch } from "../model/search.ts";
import { triggerFace } from "../model/state.ts";
import { clockTime } from "../model/time.ts";

const PAGE = 50;
const REREAD_MS = 1_500;
const route = getRouteApi("/triggers");

export function TriggersPage() {
  const { namespace, mayDefine } = useViewer();
  const { q, state, after } = route.useSearch();
  const navigate = route.useNavigate();
  const [creating, setCreating] = useState(false);
  const triggers = useLiveQuery(TriggersQuery, {
    namespace,
    filter: { search: q, state },
    first: PAGE,
    after,
  });
  useEvents(TriggerEvents, { namespace }, useThrottled(triggers.reload, REREAD_MS));
  const change = useCallback(
    (part: TriggerSearch) =>
      navigate({ search: (before) => ({ ...before, ...part, after: undefined }), replace: true }),
    [navigate],
  );
  const find = useCallback((text: string) => change({ q: text || undefined }), [change]);
  return (
    <>
      <PageHead title="Triggers" note="A trigger says when a job runs.">
        {mayDefine && (
          <Button look="primary" onClick={() => setCreating(true)}>
            <Plus className="size-4" /> New trigger
          </Button>
        )}
      </PageHead>
      <div className="mb-3 flex gap-2">
        <SearchBox label="Search triggers" value={q ?? ""} apply={find} className="w-full sm:w-72" />
        <select
          aria-label="State"
          value={state ?? ""}
          onChange={(event) => change({ state: TRIGGER_STATES.find((each) => each === event.target.value) })}
          className="h-8 rounded-md border border-line bg-panel px-2 text-[13px]"
        >
          <option value="">Any state</option>
          {TRIGGER_STATES.map((each) => (
            <option key={each} value={each}>
              {triggerFace(each).word}
            </option>
          ))}
        </select>
      </div>
      <Panel>
        <TriggerList triggers={triggers} filtered={q !== undefined || state !== undefined} />
        <Pager
          {...pagesBy(after, nextCursor(triggers.data?.triggers.pageInfo), (to) =>
            navigate({ search: (before) => ({ ...before, after: to }) }),
          )}
        />
      </Panel>
      {creating && <CreateTriggerDialog close={() => setCreating(false)} />}
    </>
  );
}

type TriggerListProps = { triggers: Live<ResultOf<typeof TriggersQuery>>; filtered: boolean };

function TriggerList({ triggers, filtered }: TriggerListProps) {
  const target = useTarget();
  const rows = triggers.data?.triggers.nodes;
  if (rows === undefined)
    return triggers.error === undefined ? (
      <Loading />
    ) : (
      <Fault error={triggers.error} retry={triggers.reload} />
    );
  if (rows.length === 0 && filtered) return <Empty title="No trigger fits these filters." />;
  if (rows.length === 0)
    return (
      <Empty title="No triggers in this namespace.">
        <p>Without one, jobs run only when someone asks. Make one here or over the API:</p>
        <Command>{curlCreateTrigger(target, "hello")}</Command>
      </Empty>
    );
  return (
    <Table
      label="Triggers"
      head={
        <>
          <Th>Trigger</Th>
          <Th from="sm" className="w-32">
            State
          </Th>
          <Th from="md">Next fire times</Th>
          <Th from="lg" right>
            Last fired
          </Th>
          <Th className="w-12" />
        </>
      }
    >
      {rows.map((trigger) => (
        <Line key={trigger.id} trigger={trigger} />
      ))}
    </Table>
  );
}

function Line({ trigger }: { trigger: ListedTrigger }) {
  const now = useNow();
  const [next, ...later] = trigger.nextFires;
  return (
    <tr className="row-link">
      <Td className="w-full max-w-0">
        <Link
          data-row
          to="/triggers/$name"
          params={{ name: trigger.name }}
          className="block truncate font-medium"
        >
          {trigger.name}
        </Link>
        <div className="my-1 @lg:hidden">
          <Standing trigger={trigger} />
        </div>
        <p className="text-xs text-muted">
          {scheduleInWords(trigger.schedule, now)} · starts{" "}
          <Link to="/jobs/$name" params={{ name: trigger.job.name }} className="text-accent hover:underline">
            {trigger.job.name}
          </Link>
        </p>
        {trigger.nextFireAt !== null && (
          <p className="text-xs text-muted @2xl:hidden">
            next <Ahead at={trigger.nextFireAt} />
          </p>
        )}
      </Td>
      <Td from="sm">
        <Standing trigger={trigger} />
      </Td>
      <Td from="md" className="whitespace-nowrap">
        {next === undefined ? (
          <span className="text-muted">–</span>
        ) : (
          <>
            <Ahead at={next} />
            <p className="text-xs text-muted tabular-nums">
              {later.map((fire) => clockTime(fire, now)).join(", ")}
            </p>
          </>
        )}
      </Td>
      <Td from="lg" right className="text-muted">
        {trigger.lastFireAt === null ? "never" : <Ago at={trigger.lastFireAt} />}
      </Td>
      <Td right>
        <TriggerActions trigger={trigger} compact />
      </Td>
    </tr>
  );
}

function Standing({ trigger }: { trigger: ListedTrigger }) {
  return (
    <>
      <Badge face={triggerFace(trigger.state)} title={trigger.reason ?? undefined} />
      {trigger.reason !== null && (
        <p className="mt-0.5 max-w-40 truncate text-xs text-muted">{trigger.reason}</p>
      )}
    </>
  );
}
