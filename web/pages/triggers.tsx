/** The triggers of a namespace, in words, with their next fire times, and what is paused of them. */
import { getRouteApi } from "@tanstack/react-router";
import { Pause, Plus } from "lucide-react";
import { lazy, Suspense, useCallback, useState } from "react";
import { Button } from "../components/button.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { PauseManyDialog } from "../components/pause-dialogs.tsx";
import { SearchBox } from "../components/search-box.tsx";
import { TimeZoneUpdates } from "../components/time-zone-updates.tsx";
import { TriggerList } from "../components/trigger-list.tsx";
import { PauseList } from "../components/trigger-pauses.tsx";
import { usePoll } from "../components/use-poll.ts";
import { useViewer } from "../components/viewer.tsx";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useEvents, useLiveQuery, useThrottled } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { TriggerPausesQuery } from "../graphql/trigger-pauses.ts";
import { TriggerEvents, TriggersQuery } from "../graphql/triggers.ts";
import { pausedInWords, type TriggerPause } from "../model/pauses.ts";
import { TRIGGER_STATES, type TriggerSearch } from "../model/search.ts";
import { triggerFace } from "../model/state.ts";

const TriggerDialog = lazy(() => import("../components/trigger-dialog.tsx"));

const PAGE = 50;
const REREAD_MS = 1_500;
const POLL_MS = 5_000;
const route = getRouteApi("/triggers");

export function TriggersPage() {
  const { namespace, mayDefine, mayOperate } = useViewer();
  const { q, state, group, job, after } = route.useSearch();
  const navigate = route.useNavigate();
  const [open, setOpen] = useState<"new" | "pause">();
  const filter = { search: q, state, group, job };
  const triggers = useLiveQuery(TriggersQuery, { namespace, filter, first: PAGE, after });
  const pauses = useLiveQuery(TriggerPausesQuery, { namespace });
  const reload = (): void => {
    triggers.reload();
    pauses.reload();
  };
  useEvents(TriggerEvents, { namespace }, useThrottled(reload, REREAD_MS));
  // A pause that ends without a trigger under it tells nobody.
  const ends = pauses.data?.triggerPauses.some(({ until }) => until !== null) ?? false;
  usePoll(pauses.reload, POLL_MS, ends);
  const change = useCallback(
    (part: TriggerSearch) =>
      navigate({ search: (before) => ({ ...before, ...part, after: undefined }), replace: true }),
    [navigate],
  );
  const groups = [...new Set(triggers.data?.triggers.nodes.map((trigger) => trigger.group))].sort();
  return (
    <>
      <PageHead title="Triggers" note="A trigger says when a job runs.">
        {mayOperate && (
          <Button onClick={() => setOpen("pause")}>
            <Pause className="size-4" /> Pause many…
          </Button>
        )}
        {mayDefine && (
          <Button look="primary" onClick={() => setOpen("new")}>
            <Plus className="size-4" /> New trigger
          </Button>
        )}
      </PageHead>
      <div className="mb-3 empty:hidden">
        <PauseList
          label="Pauses"
          pauses={pauses.data?.triggerPauses ?? []}
          said={(pause) => `Paused: ${pausedBy(pause)}`}
          changed={reload}
        />
      </div>
      <Filters search={{ q, state, group, job }} groups={groups} change={change} />
      <Panel>
        <TriggerList
          triggers={triggers}
          filtered={[q, state, group, job].some((each) => each !== undefined)}
          changed={reload}
        />
        <Pager
          {...pagesBy(after, nextCursor(triggers.data?.triggers.pageInfo), (to) =>
            navigate({ search: (before) => ({ ...before, after: to }) }),
          )}
        />
      </Panel>
      <TimeZoneUpdates />
      <Suspense fallback={null}>
        {open === "new" && <TriggerDialog close={() => setOpen(undefined)} />}
      </Suspense>
      {open === "pause" && (
        <PauseManyDialog
          group={group}
          job={job}
          groups={groups}
          changed={reload}
          close={() => setOpen(undefined)}
        />
      )}
    </>
  );
}

const pausedBy = (pause: TriggerPause): string =>
  pause.kind === "TRIGGER" ? `the trigger ${pause.target}` : pausedInWords(pause);

type FiltersProps = {
  search: TriggerSearch;
  groups: readonly string[];
  change: (part: TriggerSearch) => void;
};

function Filters({ search: { q, state, group, job }, groups, change }: FiltersProps) {
  const { namespace } = useViewer();
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: job });
  const find = useCallback((text: string) => change({ q: text || undefined }), [change]);
  const byGroup = useCallback((text: string) => change({ group: text || undefined }), [change]);
  const byJob = useCallback((text: string) => change({ job: text || undefined }), [change]);
  return (
    <div className="mb-3 flex flex-wrap gap-2">
      <SearchBox label="Search triggers" value={q ?? ""} apply={find} className="w-full sm:w-56" />
      <SearchBox
        label="Group by name"
        value={group ?? ""}
        apply={byGroup}
        suggestions={groups}
        className="max-sm:flex-1 sm:w-44"
      />
      <SearchBox
        label="Job by name"
        value={job ?? ""}
        apply={byJob}
        suggestions={jobs.data?.jobs.nodes.map(({ name }) => name) ?? []}
        className="max-sm:flex-1 sm:w-44"
      />
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
      {[q, state, group, job].some((each) => each !== undefined) && (
        <Button
          look="bare"
          onClick={() => change({ q: undefined, state: undefined, group: undefined, job: undefined })}
        >
          Clear filters
        </Button>
      )}
    </div>
  );
}
