/** One calendar: its rule, the year as it leaves it, what is excluded next, and the triggers that go by it. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { FileUp, Pencil, Trash2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useMutation } from "urql";
import { Badge } from "../components/badge.tsx";
import { Button } from "../components/button.tsx";
import { RuleView } from "../components/calendar-rule.tsx";
import { CalendarYear } from "../components/calendar-year.tsx";
import { useOpened } from "../components/clock.ts";
import { ConfirmDialog } from "../components/confirm-dialog.tsx";
import { Ahead, At } from "../components/moment.tsx";
import { Empty, Fault, Loading } from "../components/notice.tsx";
import { Facts, PageHead, Panel } from "../components/panel.tsx";
import { useViewer } from "../components/viewer.tsx";
import { type Calendar, CalendarQuery, DeleteCalendar, ExcludedQuery } from "../graphql/calendars.ts";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { TriggerEvents } from "../graphql/triggers.ts";
import { stretchInWords } from "../model/calendar.ts";
import { triggerFace } from "../model/state.ts";

const CalendarDialog = lazy(() => import("../components/calendar-dialog.tsx"));
const ImportDialog = lazy(() => import("../components/import-calendar.tsx"));

const NEXT = 12;
const REREAD_MS = 2_000;
const route = getRouteApi("/calendars/$name");

export function CalendarPage() {
  const { namespace } = useViewer();
  const { name } = route.useParams();
  return <OneCalendar key={`${namespace}/${name}`} name={name} />;
}

function OneCalendar({ name }: { name: string }) {
  const { namespace } = useViewer();
  const { data, error, reload } = useLiveQuery(CalendarQuery, { namespace, name });
  const calendar = data?.calendar;
  const reread = useThrottled(reload, REREAD_MS);
  useEvents(
    TriggerEvents,
    { namespace },
    ({ triggerChanged }) =>
      calendar?.triggers.nodes.some((trigger) => trigger.id === triggerChanged.id) && reread(),
  );
  if (calendar === undefined && error !== undefined) return <Fault error={error} retry={reload} />;
  if (calendar === undefined) return <Loading lines={8} />;
  if (calendar === null)
    return <Empty title={`There is no calendar ${name} in the namespace ${namespace}.`} />;
  return <Details calendar={calendar} />;
}

function Details({ calendar }: { calendar: Calendar }) {
  const { name, description, rule, timeZone } = calendar;
  return (
    <>
      <PageHead
        above={
          <Link to="/calendars" className="hover:underline">
            Calendars
          </Link>
        }
        title={name}
        note={description}
      >
        <Actions calendar={calendar} />
      </PageHead>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 grid-cols-1 content-start gap-4">
          <CalendarYear key={calendar.version} calendar={calendar} />
          <Triggers calendar={calendar} />
        </div>
        <div className="grid min-w-0 grid-cols-1 content-start gap-4">
          <Panel title="Excludes">
            <RuleView rule={rule} timeZone={timeZone} />
          </Panel>
          <Next calendar={calendar} />
          <About calendar={calendar} />
        </div>
      </div>
    </>
  );
}

function Actions({ calendar }: { calendar: Calendar }) {
  const { namespace, mayDefine } = useViewer();
  const navigate = route.useNavigate();
  const [act, setAct] = useState<"edit" | "import" | "delete">();
  const [{ fetching, error }, remove] = useMutation(DeleteCalendar);
  const close = (): void => setAct(undefined);
  const { name } = calendar;
  if (!mayDefine) return null;
  return (
    <>
      <Button onClick={() => setAct("edit")}>
        <Pencil className="size-3.5" /> Edit
      </Button>
      <Button onClick={() => setAct("import")}>
        <FileUp className="size-4" /> Import…
      </Button>
      <Button icon aria-label={`Delete ${name}`} title="Delete" onClick={() => setAct("delete")}>
        <Trash2 className="size-4" />
      </Button>
      <Suspense fallback={null}>
        {act === "edit" && <CalendarDialog calendar={calendar} close={close} />}
        {act === "import" && <ImportDialog name={name} close={close} />}
      </Suspense>
      {act === "delete" && (
        <ConfirmDialog
          title={`Delete ${name}?`}
          note="Only a calendar that no trigger and no other calendar goes by can be deleted."
          verb="Delete the calendar"
          look="danger"
          done={`${name} is deleted.`}
          busy={fetching}
          error={error}
          act={() => remove({ namespace, name })}
          after={() => navigate({ to: "/calendars" })}
          close={close}
        />
      )}
    </>
  );
}

function Next({ calendar }: { calendar: Calendar }) {
  const { namespace } = useViewer();
  const timeZone = calendar.timeZone ?? "UTC";
  const from = new Date(useOpened()).toISOString();
  const asked = { namespace, name: calendar.name, from, timeZone, first: NEXT };
  const { data } = useLiveQuery(ExcludedQuery, asked);
  const stretches = data?.calendar?.excluded;
  if (stretches === undefined) return null;
  return (
    <Panel title="Excluded next">
      {stretches.length === 0 ? (
        <p className="px-4 py-4 text-muted">Nothing any more.</p>
      ) : (
        <ol className="grid gap-1.5 px-4 py-3 text-[13px]">
          {stretches.map((stretch) => (
            <li key={stretch.from}>
              <span className="tabular-nums">{stretchInWords(stretch, timeZone, from)}</span>
              <p className="text-xs text-muted wrap-anywhere">{stretch.by.join(", ")}</p>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Triggers({ calendar: { triggers } }: { calendar: Calendar }) {
  return (
    <Panel title="Triggers that go by it">
      {triggers.nodes.length === 0 ? (
        <p className="px-4 py-4 text-muted">None names it itself.</p>
      ) : (
        <ul className="divide-y divide-line">
          {triggers.nodes.map((trigger) => (
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
      {triggers.pageInfo.hasNextPage && (
        <p className="border-t border-line px-4 py-2 text-xs text-muted">
          More triggers go by it than are listed here.
        </p>
      )}
    </Panel>
  );
}

function About({ calendar: { base, timeZone, updatedAt, version } }: { calendar: Calendar }) {
  return (
    <Panel title="About" aside={<span className="text-xs text-muted">version {version}</span>}>
      <Facts>
        <dt>Base</dt>
        <dd>
          {base === null ? (
            "none"
          ) : (
            <Link to="/calendars/$name" params={{ name: base.name }} className="text-accent hover:underline">
              {base.name}
            </Link>
          )}
        </dd>
        <dt>Clock</dt>
        <dd>{timeZone ?? "that of each trigger's schedule"}</dd>
        <dt>Changed</dt>
        <dd>
          <At at={updatedAt} />
        </dd>
      </Facts>
    </Panel>
  );
}
