/** The calendars of a namespace: what each excludes, and who goes by it. */
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ResultOf } from "gql.tada";
import { FileUp, Plus } from "lucide-react";
import { lazy, Suspense, useCallback, useState } from "react";
import { Button } from "../components/button.tsx";
import { useOpened } from "../components/clock.ts";
import { Command, Empty, Fault, Loading } from "../components/notice.tsx";
import { Pager, pagesBy } from "../components/pager.tsx";
import { PageHead, Panel } from "../components/panel.tsx";
import { SearchBox } from "../components/search-box.tsx";
import { Table, Td, Th } from "../components/table.tsx";
import { useTarget } from "../components/use-target.ts";
import { useViewer } from "../components/viewer.tsx";
import { CalendarsQuery, type ListedCalendar } from "../graphql/calendars.ts";
import { type Live, useLiveQuery } from "../graphql/live.ts";
import { nextCursor } from "../graphql/page.ts";
import { ruleInWords } from "../model/calendar.ts";
import { curlCreateCalendar } from "../model/curl.ts";

const CalendarDialog = lazy(() => import("../components/calendar-dialog.tsx"));
const ImportDialog = lazy(() => import("../components/import-calendar.tsx"));

const PAGE = 50;
const route = getRouteApi("/calendars");

export function CalendarsPage() {
  const { namespace, mayDefine } = useViewer();
  const { q, after } = route.useSearch();
  const navigate = route.useNavigate();
  const [open, setOpen] = useState<"new" | "import">();
  const close = (): void => setOpen(undefined);
  const calendars = useLiveQuery(CalendarsQuery, { namespace, search: q, first: PAGE, after });
  const find = useCallback(
    (text: string) =>
      navigate({
        search: (before) => ({ ...before, q: text || undefined, after: undefined }),
        replace: true,
      }),
    [navigate],
  );
  return (
    <>
      <PageHead
        title="Calendars"
        note="A calendar names times at which triggers do not fire: holidays, weekends, maintenance."
      >
        {mayDefine && (
          <>
            <Button onClick={() => setOpen("import")}>
              <FileUp className="size-4" /> Import…
            </Button>
            <Button look="primary" onClick={() => setOpen("new")}>
              <Plus className="size-4" /> New calendar
            </Button>
          </>
        )}
      </PageHead>
      <div className="mb-3 flex">
        <SearchBox label="Search calendars" value={q ?? ""} apply={find} className="w-full sm:w-72" />
      </div>
      <Panel>
        <CalendarList calendars={calendars} searched={q !== undefined} />
        <Pager
          {...pagesBy(after, nextCursor(calendars.data?.calendars.pageInfo), (to) =>
            navigate({ search: (before) => ({ ...before, after: to }) }),
          )}
        />
      </Panel>
      <Suspense fallback={null}>
        {open === "new" && <CalendarDialog close={close} />}
        {open === "import" && <ImportDialog close={close} />}
      </Suspense>
    </>
  );
}

type CalendarListProps = { calendars: Live<ResultOf<typeof CalendarsQuery>>; searched: boolean };

function CalendarList({ calendars, searched }: CalendarListProps) {
  const target = useTarget();
  const rows = calendars.data?.calendars.nodes;
  if (rows === undefined)
    return calendars.error === undefined ? (
      <Loading />
    ) : (
      <Fault error={calendars.error} retry={calendars.reload} />
    );
  if (rows.length === 0 && searched) return <Empty title="No calendar fits this search." />;
  if (rows.length === 0)
    return (
      <Empty title="No calendars in this namespace.">
        <p>Make one here, import the .ics file of your country's holidays, or use the API:</p>
        <Command>{curlCreateCalendar(target, "weekends")}</Command>
      </Empty>
    );
  return (
    <Table
      label="Calendars"
      head={
        <>
          <Th>Calendar</Th>
          <Th from="md">Excludes</Th>
          <Th from="sm">Time zone</Th>
          <Th from="sm">Triggers</Th>
        </>
      }
    >
      {rows.map((calendar) => (
        <Line key={calendar.id} calendar={calendar} />
      ))}
    </Table>
  );
}

function Line({ calendar }: { calendar: ListedCalendar }) {
  const now = useOpened();
  const { name, description, rule, base, timeZone, triggers } = calendar;
  const words = ruleInWords(rule, now);
  return (
    <tr className="row-link">
      <Td className="w-2/5 max-w-0">
        <Link data-row to="/calendars/$name" params={{ name }} className="block truncate font-medium">
          {name}
        </Link>
        {description !== null && <p className="truncate text-xs text-muted">{description}</p>}
        <p className="text-xs text-muted @2xl:hidden">{words}</p>
      </Td>
      <Td from="md">
        {words}
        {base !== null && (
          <p className="text-xs text-muted">
            and what{" "}
            <Link to="/calendars/$name" params={{ name: base.name }} className="text-accent hover:underline">
              {base.name}
            </Link>{" "}
            does
          </p>
        )}
      </Td>
      <Td from="sm" className="whitespace-nowrap text-muted">
        {timeZone ?? "the schedule's"}
      </Td>
      <Td from="sm" className="text-muted">
        {triggers.nodes.length === 0
          ? "none"
          : `${triggers.nodes
              .slice(0, 3)
              .map((trigger) => trigger.name)
              .join(", ")}${triggers.nodes.length > 3 ? "…" : ""}`}
      </Td>
    </tr>
  );
}
