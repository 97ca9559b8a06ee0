/** The runs list: newest first, live, page by page. */
import { getRouteApi } from "@tanstack/react-router";
import { Play } from "lucide-react";
import { useCallback, useState } from "react";
import { Button } from "../components/button.tsx";
import { CancelRunsButton } from "../components/cancel-runs.tsx";
import { LiveRuns } from "../components/live-runs.tsx";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { RunFilters } from "../components/run-filters.tsx";
import { StartRunDialog } from "../components/start-run.tsx";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { type RunList, useRunList } from "../graphql/run-list.ts";
import { curlStartRun } from "../model/curl.ts";
import { isFiltered, type RunSearch } from "../model/search.ts";

const PAGE = 50;
const route = getRouteApi("/runs");

export function RunsPage() {
  const { namespace, mayOperate } = useViewer();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [starting, setStarting] = useState(false);
  const list = useRunList(namespace, search, PAGE);
  // A changed filter is another list: it starts at its newest run.
  const change = useCallback(
    (part: RunSearch) =>
      navigate({ search: (before) => ({ ...before, ...part, after: undefined }), replace: true }),
    [navigate],
  );
  const goTo = (after: string | undefined) => navigate({ search: (before) => ({ ...before, after }) });
  return (
    <>
      <PageHead title="Runs">
        {mayOperate && list.rows.length > 0 && <CancelRunsButton search={search} />}
        {mayOperate && (
          <Button look="primary" onClick={() => setStarting(true)}>
            <Play className="size-3.5" /> Start a run
          </Button>
        )}
      </PageHead>
      <RunFilters search={search} change={change} />
      <Panel>
        <RunPage list={list} filtered={isFiltered(search)} />
        <Pager
          first={search.after === undefined ? undefined : () => goTo(undefined)}
          next={list.hasOlder ? () => list.olderCursor().then(goTo) : undefined}
          words={{ first: "Newest", next: "Older" }}
        />
      </Panel>
      {starting && <StartRunDialog job={search.job} close={() => setStarting(false)} />}
    </>
  );
}

function RunPage({ list, filtered }: { list: RunList; filtered: boolean }) {
  const target = useTarget();
  if (list.rows.length === 0) {
    if (list.error !== undefined) return <Fault error={list.error} retry={list.reload} />;
    if (list.fetching) return <Loading lines={8} />;
    if (filtered) return <Empty title="No run fits these filters." />;
    return (
      <Empty title="No runs yet.">
        <p>Start one from a job's page, let a trigger do it, or ask for one:</p>
        <Command>{curlStartRun(target, "hello")}</Command>
      </Empty>
    );
  }
  return <LiveRuns label="Runs, newest first" list={list} />;
}
