/** A page of runs that live events flow into, throttled and bounded. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type CombinedError, useClient } from "urql";
import { type LiveList, type MergeOptions, mergeEvents, seedList, showFresh } from "../model/live-list.ts";
import { type RunSearch, runBelongs } from "../model/search.ts";
import { useEvents, useLiveQuery, useThrottled } from "./live.ts";
import { nextCursor } from "./page.ts";
import { RunEvents, type RunRow, RunsQuery } from "./runs.ts";

const FLUSH_MS = 600;
/** Events kept for a page that is still being read. */
const RECENT_MS = 5_000;
/** More than this between two flushes, and reading the page again is cheaper than merging. */
const BUFFER_LIMIT = 1_000;
/** Scrolled further than this, the reader is reading: rows stay where they are. */
const TOP_PX = 200;
const NO_ROWS: readonly RunRow[] = [];

export type RunList = {
  rows: readonly RunRow[];
  arrived: ReadonlySet<string>;
  /** New runs that wait to be shown. */
  fresh: number;
  showFresh: () => void;
  /** While true, new runs wait instead of moving the rows. */
  setHeld: (held: boolean) => void;
  fetching: boolean;
  error: CombinedError | undefined;
  reload: () => void;
  hasOlder: boolean;
  /** Where the next older page begins; undefined when there is none after all. */
  olderCursor: () => Promise<string | undefined>;
};

/** Reads one page of `first` runs under a filter and keeps it true. */
export function useRunList(namespace: string, search: RunSearch, first: number): RunList {
  const { after, state, job, trigger, tag } = search;
  const filter = useMemo(() => ({ states: state, job, trigger, tags: tag }), [state, job, trigger, tag]);
  const client = useClient();
  const page = useLiveQuery(RunsQuery, { namespace, filter, first, after });
  const options = useMemo<MergeOptions<RunRow>>(
    () => ({
      belongs: (run) => runBelongs(run, { state, job, trigger, tag }),
      limit: first,
      head: after === undefined,
    }),
    [state, job, trigger, tag, first, after],
  );

  const [list, setList] = useState<LiveList<RunRow>>(() => seedList(NO_ROWS, NO_ROWS, options));
  const recent = useRef<{ atMs: number; run: RunRow }[]>([]);
  const buffer = useRef(new Map<string, RunRow>());
  const held = useRef(false);
  /** Events had no room: what is shown next is read, not merged. */
  const stale = useRef(false);

  const reload = useCallback(() => {
    stale.current = false;
    page.reload();
  }, [page.reload]);
  const show = useCallback(() => {
    if (stale.current) reload();
    else setList((before) => (before.fresh.length === 0 ? before : showFresh(before, options)));
  }, [reload, options]);

  const nodes = page.fetching ? undefined : page.data?.runs.nodes;
  useEffect(() => {
    if (nodes === undefined) return;
    const since = Date.now() - RECENT_MS;
    const events = recent.current.filter((event) => event.atMs > since).map((event) => event.run);
    setList(seedList(nodes, events, options));
  }, [nodes, options]);

  const flush = useThrottled(() => {
    const events = [...buffer.current.values()];
    buffer.current.clear();
    stale.current ||= events.length >= BUFFER_LIMIT;
    if (held.current || window.scrollY > TOP_PX) setList((before) => mergeEvents(before, events, options));
    else if (stale.current) reload();
    else setList((before) => showFresh(mergeEvents(before, events, options), options));
  }, FLUSH_MS);

  useEvents(RunEvents, { namespace, job }, ({ runChanged: run }) => {
    const atMs = Date.now();
    recent.current.push({ atMs, run });
    if (recent.current.length > BUFFER_LIMIT) recent.current.splice(0, BUFFER_LIMIT / 2);
    if (buffer.current.size < BUFFER_LIMIT || buffer.current.has(run.id)) buffer.current.set(run.id, run);
    flush();
  });

  const info = page.data?.runs.pageInfo;
  const lastRead = page.data?.runs.nodes.at(-1)?.id;
  const olderCursor = async (): Promise<string | undefined> => {
    if (list.rows.at(-1)?.id === lastRead) return nextCursor(info);
    // Rows have moved since the page was read, and with them the place where the next one begins.
    const variables = { namespace, filter, first, after };
    const answer = await client.query(RunsQuery, variables, { requestPolicy: "network-only" }).toPromise();
    return nextCursor(answer.data?.runs.pageInfo);
  };

  return {
    rows: list.rows,
    arrived: list.arrived,
    fresh: list.fresh.length + list.missed,
    showFresh: show,
    setHeld: useCallback(
      (next: boolean) => {
        held.current = next;
        if (!next) show();
      },
      [show],
    ),
    fetching: page.fetching,
    error: page.error,
    reload,
    hasOlder: list.trimmed || nextCursor(info) !== undefined,
    olderCursor,
  };
}
