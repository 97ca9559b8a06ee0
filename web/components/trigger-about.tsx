/** What is known of a trigger beside its ledger: how it is set, what its calendars leave out, and its backfills. */
import { Link } from "@tanstack/react-router";
import { BackfillsQuery } from "../graphql/backfills.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { type Trigger, TriggerCalendarsQuery } from "../graphql/triggers.ts";
import { doneShare } from "../model/backfill.ts";
import { stretchInWords } from "../model/calendar.ts";
import { misfireInWords, onExcludedInWords } from "../model/schedule.ts";
import { zoneOf } from "../model/schedule-form.ts";
import { backfillFace } from "../model/state.ts";
import { durationInWords, formatCount } from "../model/time.ts";
import { Badge, Chip } from "./badge.tsx";
import { useOpened } from "./clock.ts";
import { Ago, At } from "./moment.tsx";
import { Facts, Panel } from "./panel.tsx";
import { useViewer } from "./viewer.tsx";

export function TriggerFacts({ trigger }: { trigger: Trigger }) {
  const { schedule, group, jitter, priority, startAt, endAt } = trigger;
  return (
    <Panel title="About" aside={<span className="text-xs text-muted">version {trigger.version}</span>}>
      <Facts>
        {schedule.__typename === "CronSchedule" && (
          <>
            <dt>Expression</dt>
            <dd className="font-mono text-xs">{schedule.expression}</dd>
          </>
        )}
        <dt>Group</dt>
        <dd>
          <Link to="/triggers" search={{ group }}>
            <Chip>{group}</Chip>
          </Link>
        </dd>
        <dt>Fired</dt>
        <dd>{formatCount(trigger.firedCount)} times</dd>
        <dt>When missed</dt>
        <dd>{misfireInWords(trigger.misfire)}</dd>
        {jitter !== null && (
          <>
            <dt>Put off by up to</dt>
            <dd>{durationInWords(jitter)}</dd>
          </>
        )}
        {priority !== null && (
          <>
            <dt>Priority</dt>
            <dd>{priority}</dd>
          </>
        )}
        {startAt !== null && (
          <>
            <dt>From</dt>
            <dd>
              <At at={startAt} />
            </dd>
          </>
        )}
        {endAt !== null && (
          <>
            <dt>Until</dt>
            <dd>
              <At at={endAt} />
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

/** Its calendars, each with what it excludes next. Nothing when it has none. */
export function TriggerCalendars({ trigger }: { trigger: Trigger }) {
  const { namespace } = useViewer();
  const timeZone = zoneOf(trigger.schedule) ?? "UTC";
  const idle = trigger.calendars.length === 0;
  const from = new Date(useOpened()).toISOString();
  const asked = { namespace, name: trigger.name, from, timeZone };
  const { data } = useLiveQuery(TriggerCalendarsQuery, asked, idle);
  if (idle) return null;
  const calendars = data?.trigger?.calendars ?? [];
  return (
    <Panel title="Calendars">
      <p className="px-4 pt-3 text-[13px] text-muted">
        It fires at times that all of them include; {onExcludedInWords(trigger.onExcluded)}.
      </p>
      <ul className="divide-y divide-line">
        {calendars.map((calendar) => (
          <li key={calendar.id} className="px-4 py-2.5 text-[13px]">
            <Link
              to="/calendars/$name"
              params={{ name: calendar.name }}
              className="font-medium text-accent hover:underline"
            >
              {calendar.name}
            </Link>
            {calendar.excluded.length === 0 ? (
              <p className="text-xs text-muted">It excludes nothing any more.</p>
            ) : (
              <ul
                aria-label={`What ${calendar.name} excludes next`}
                className="mt-1 grid gap-1 text-xs text-muted"
              >
                {calendar.excluded.map((stretch) => (
                  <li key={stretch.from}>
                    <span className="text-ink tabular-nums">
                      {stretchInWords(stretch, calendar.timeZone ?? timeZone, from)}
                    </span>{" "}
                    {stretch.by.join(", ")}
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const LAST = 5;

/** The last backfills of its times. Nothing when there are none. */
export function TriggerBackfills({ name }: { name: string }) {
  const { namespace } = useViewer();
  const { data } = useLiveQuery(BackfillsQuery, { namespace, filter: { trigger: name }, first: LAST });
  const backfills = data?.backfills.nodes ?? [];
  if (backfills.length === 0) return null;
  return (
    <Panel
      title="Backfills"
      aside={
        <Link to="/backfills" search={{ trigger: name }} className="text-[13px] text-accent hover:underline">
          All backfills
        </Link>
      }
    >
      <ul className="divide-y divide-line text-[13px]">
        {backfills.map(({ id, state, progress, createdAt }) => (
          <li key={id} className="row-link flex items-center justify-between gap-2 px-4 py-2">
            <Link data-row to="/backfills/$id" params={{ id }} className="min-w-0 truncate">
              {formatCount(progress.total)} dates, {Math.round(doneShare(progress) * 100)} % done{" "}
              <span className="text-muted">
                · <Ago at={createdAt} />
              </span>
            </Link>
            <Badge face={backfillFace(state)} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}
