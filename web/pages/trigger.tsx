/** One trigger: when it fires, what keeps it from it, and what became of every time it was due. */
import { getRouteApi, Link } from "@tanstack/react-router";
import { OctagonPause } from "lucide-react";
import { Badge } from "../components/badge.tsx";
import { Fires } from "../components/fires.tsx";
import { JsonView } from "../components/json-view.tsx";
import { Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { TriggerBackfills, TriggerCalendars, TriggerFacts } from "../components/trigger-about.tsx";
import { TriggerActions } from "../components/trigger-actions.tsx";
import { Ledger, OutcomeFilter } from "../components/trigger-ledger.tsx";
import { PauseList } from "../components/trigger-pauses.tsx";
import { useViewer } from "../components/viewer.tsx";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { type Trigger, TriggerEvents, TriggerQuery } from "../graphql/triggers.ts";
import { pausedInWords, type TriggerPause } from "../model/pauses.ts";
import { zoneOf } from "../model/schedule-form.ts";
import type { LedgerSearch } from "../model/search.ts";
import { triggerFace } from "../model/state.ts";

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
  const { outcome, after } = route.useSearch();
  const { data, error, reload } = useLiveQuery(TriggerQuery, {
    namespace,
    name,
    fires: FIRES,
    outcomes: outcome,
    after,
  });
  const reread = useThrottled(reload, REREAD_MS);
  useEvents(TriggerEvents, { namespace }, ({ triggerChanged }) => triggerChanged.name === name && reread());
  const trigger = data?.trigger;
  if (trigger === undefined && error !== undefined) return <Fault error={error} retry={reload} />;
  if (trigger === undefined) return <Loading lines={8} />;
  if (trigger === null) return <Empty title={`There is no trigger ${name} in the namespace ${namespace}.`} />;
  return <Details trigger={trigger} reload={reload} />;
}

type DetailsProps = { trigger: Trigger; reload: () => void };

function Details({ trigger, reload }: DetailsProps) {
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
            {trigger.scheduleInWords} · starts{" "}
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
        <TriggerActions trigger={trigger} changed={reload} />
      </PageHead>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 grid-cols-1 content-start gap-4">
          <PauseList
            label="What pauses it"
            pauses={trigger.pauses}
            said={pausedWith}
            misfire={trigger.misfire}
            changed={reload}
          />
          {trigger.state === "ERROR" && trigger.reason !== null && (
            <p className="tone-bad tinted flex gap-2 rounded-lg px-4 py-3 wrap-anywhere">
              <OctagonPause aria-hidden className="mt-0.5 size-4 shrink-0" /> {trigger.reason}
            </p>
          )}
          <Occurrences trigger={trigger} />
        </div>
        <div className="grid min-w-0 grid-cols-1 content-start gap-4">
          <Panel title={`Next ${FIRES} fire times`}>
            {trigger.upcoming.length === 0 ? (
              <p className="px-4 py-4 text-muted">{IDLE[trigger.state] ?? "None."}</p>
            ) : (
              <Fires
                fires={trigger.upcoming}
                zoned={zoneOf(trigger.schedule) !== undefined}
                className="px-4 py-3 text-[13px] leading-6"
              />
            )}
          </Panel>
          <TriggerCalendars trigger={trigger} />
          <TriggerBackfills name={trigger.name} />
          <TriggerFacts trigger={trigger} />
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

/** Why there are no times ahead. */
const IDLE: Partial<Record<Trigger["state"], string>> = {
  PAUSED: "None while it is paused.",
  BLOCKED: "The next is counted from the end of its run.",
  COMPLETE: "It fires no more.",
  ERROR: "None until it is reset.",
};

const pausedWith = (pause: TriggerPause): string =>
  pause.kind === "TRIGGER" ? "Paused" : `Paused with ${pausedInWords(pause)}`;

function Occurrences({ trigger }: { trigger: Trigger }) {
  const { outcome, after } = route.useSearch();
  const navigate = route.useNavigate();
  const go = (part: LedgerSearch) =>
    navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  return (
    <Panel title="Occurrences" aside={<span className="text-xs text-muted">newest first</span>}>
      <div className="border-b border-line px-3 py-2">
        <OutcomeFilter
          chosen={outcome ?? []}
          choose={(chosen) => go({ outcome: chosen, after: undefined })}
        />
      </div>
      <Ledger occurrences={trigger.occurrences.nodes} filtered={outcome !== undefined} />
      <Pager
        {...pagesBy(after, nextCursor(trigger.occurrences.pageInfo), (to) => go({ after: to }))}
        words={{ first: "Newest", next: "Older" }}
      />
    </Panel>
  );
}
