/** One trigger: when it fires, and what became of every time it was due. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { OctagonPause } from "lucide-react";
import { useState } from "react";
import { Badge } from "../components/badge.tsx";
import { useNow } from "../components/clock.ts";
import { Fires } from "../components/fires.tsx";
import { JsonView } from "../components/json-view.tsx";
import { At } from "../components/moment.tsx";
import { Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { Facts, PageHead, Panel } from "../components/panel.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { TriggerActions } from "../components/trigger-actions.tsx";
import { useViewer } from "../components/viewer.tsx";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { type Trigger, TriggerEvents, TriggerQuery } from "../graphql/triggers.ts";
import { misfireInWords, scheduleInWords } from "../model/schedule.ts";
import { occurrenceFace, runFace, triggerFace } from "../model/state.ts";
import { clockTime, durationInWords, formatCount, formatSpan } from "../model/time.ts";

const FIRES = 10;
const REREAD_MS = 800;
const route = getRouteApi("/triggers/$name");

export function TriggerPage() {
  const { namespace } = useViewer();
  const { name } = route.useParams();
  return <OneTrigger key={`${namespace}/${name}`} name={name} />;
}

function OneTrigger({ name }: { name: string }) {
  const { namespace } = useViewer();
  const [after, setAfter] = useState<string | undefined>(undefined);
  const { data, error, reload } = useLiveQuery(TriggerQuery, { namespace, name, fires: FIRES, after });
  const reread = useThrottled(reload, REREAD_MS);
  useEvents(TriggerEvents, { namespace }, ({ triggerChanged }) => triggerChanged.name === name && reread());
  const trigger = data?.trigger;
  if (trigger === undefined && error !== undefined) return <Fault error={error} retry={reload} />;
  if (trigger === undefined) return <Loading lines={8} />;
  if (trigger === null) return <Empty title={`There is no trigger ${name} in the namespace ${namespace}.`} />;
  return (
    <Details
      trigger={trigger}
      pager={
        <Pager
          {...pagesBy(after, nextCursor(trigger.occurrences.pageInfo), setAfter)}
          words={{ first: "Newest", next: "Older" }}
        />
      }
    />
  );
}

function Details({ trigger, pager }: { trigger: Trigger; pager: React.ReactNode }) {
  const now = useNow();
  return (
    <>
      <PageHead
        above={
          <Link to="/triggers" className="hover:underline">
            Triggers
          </Link>
        }
        title={
          <>
            {trigger.name} <Badge face={triggerFace(trigger.state)} />
          </>
        }
        note={
          <>
            {scheduleInWords(trigger.schedule, now)} · starts{" "}
            <Link
              to="/jobs/$name"
              params={{ name: trigger.job.name }}
              className="text-accent hover:underline"
            >
              {trigger.job.name}
            </Link>
          </>
        }
      >
        <TriggerActions trigger={trigger} />
      </PageHead>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 content-start gap-4">
          {trigger.reason !== null && trigger.state !== "NORMAL" && (
            <p className="tone-waiting tinted flex gap-2 rounded-lg px-4 py-3 wrap-anywhere">
              <OctagonPause aria-hidden className="mt-0.5 size-4 shrink-0" /> {trigger.reason}
            </p>
          )}
          <Panel title="Occurrences" aside={<span className="text-xs text-muted">newest first</span>}>
            <Ledger occurrences={trigger.occurrences.nodes} />
            {pager}
          </Panel>
        </div>
        <div className="grid min-w-0 content-start gap-4">
          <Panel title={`Next ${FIRES} fire times`}>
            {trigger.upcoming.length === 0 ? (
              <p className="px-4 py-4 text-muted">It fires no more.</p>
            ) : (
              <Fires fires={trigger.upcoming} className="px-4 py-3 text-[13px] leading-6" />
            )}
          </Panel>
          <About trigger={trigger} />
          {trigger.input !== null && (
            <Panel title="Input of its runs">
              <JsonView value={trigger.input} label="input" />
            </Panel>
          )}
        </div>
      </div>
    </>
  );
}

function Ledger({ occurrences }: { occurrences: Trigger["occurrences"]["nodes"] }) {
  if (occurrences.length === 0) return <Empty title="It has not been due yet." />;
  return (
    <Table
      label="Occurrences"
      head={
        <>
          <Th>Due</Th>
          <Th className="w-32">Outcome</Th>
          <Th from="sm" right>
            Fired after
          </Th>
          <Th className="w-36">Run</Th>
        </>
      }
    >
      {occurrences.map((occurrence) => (
        <Occurrence key={occurrence.scheduledAt} occurrence={occurrence} />
      ))}
    </Table>
  );
}

function Occurrence({ occurrence }: { occurrence: Trigger["occurrences"]["nodes"][number] }) {
  const now = useNow();
  const { scheduledAt, until, count, firedAt, run } = occurrence;
  return (
    <tr>
      <Td>
        <At at={scheduledAt} />
        {count > 1 && (
          <p className="text-xs text-muted">
            {formatCount(count)} times{until !== null && `, the last at ${clockTime(until, now)}`}
          </p>
        )}
      </Td>
      <Td>
        <Badge face={occurrenceFace(occurrence.outcome)} />
      </Td>
      <Td from="sm" right className="text-muted">
        {firedAt === null ? "–" : formatSpan(Date.parse(firedAt) - Date.parse(scheduledAt))}
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

function About({ trigger }: { trigger: Trigger }) {
  return (
    <Panel title="About">
      <Facts>
        {trigger.schedule.__typename === "CronSchedule" && (
          <>
            <dt>Expression</dt>
            <dd className="font-mono text-xs">{trigger.schedule.expression}</dd>
          </>
        )}
        <dt>Fired</dt>
        <dd>{formatCount(trigger.firedCount)} times</dd>
        <dt>When missed</dt>
        <dd>{misfireInWords(trigger.misfire)}</dd>
        {trigger.jitter !== null && (
          <>
            <dt>Put off by up to</dt>
            <dd>{durationInWords(trigger.jitter)}</dd>
          </>
        )}
        {trigger.priority !== null && (
          <>
            <dt>Priority</dt>
            <dd>{trigger.priority}</dd>
          </>
        )}
        {trigger.startAt !== null && (
          <>
            <dt>From</dt>
            <dd>
              <At at={trigger.startAt} />
            </dd>
          </>
        )}
        {trigger.endAt !== null && (
          <>
            <dt>Until</dt>
            <dd>
              <At at={trigger.endAt} />
            </dd>
          </>
        )}
        <dt>Changed</dt>
        <dd>
          <At at={trigger.updatedAt} />
        </dd>
      </Facts>
    </Panel>
  );
}
