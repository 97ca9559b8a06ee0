/** What the address bar holds: the namespace and each list's filters, read back with care. */
import {
  BACKFILL_DATE_STATES,
  BACKFILL_STATES,
  type BackfillDateState,
  type BackfillState,
  type OccurrenceOutcome,
  OUTCOMES,
  RUN_STATES,
  type RunState,
  type TriggerState,
} from "./state.ts";

/** A query string as plain words; a repeated key becomes a list. */
export function parseSearch(query: string): Record<string, string | string[]> {
  const params = new URLSearchParams(query);
  const found: Record<string, string | string[]> = {};
  for (const key of new Set(params.keys())) {
    const values = params.getAll(key).filter((value) => value !== "");
    const [only] = values;
    if (values.length > 1) found[key] = values;
    else if (only !== undefined) found[key] = only;
  }
  return found;
}

/** The other way round: `?ns=demo&state=FAILED&state=RUNNING`. Nothing is written for what is unset or empty. */
export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    const values = Array.isArray(value) ? value : [value];
    for (const each of values)
      if (each !== undefined && each !== null && each !== "") params.append(key, String(each));
  }
  const query = params.toString();
  return query === "" ? "" : `?${query}`;
}

/** `after`, here and below, is the cursor that a further page starts after. */
export type RunSearch = {
  state?: RunState[] | undefined;
  job?: string | undefined;
  trigger?: string | undefined;
  tag?: string[] | undefined;
  after?: string | undefined;
};
export type JobSearch = { q?: string | undefined; tag?: string[] | undefined; after?: string | undefined };
export type TriggerSearch = {
  q?: string | undefined;
  state?: TriggerState | undefined;
  group?: string | undefined;
  job?: string | undefined;
  after?: string | undefined;
};
/** A trigger's ledger. */
export type LedgerSearch = { outcome?: OccurrenceOutcome[] | undefined; after?: string | undefined };
export type CalendarSearch = { q?: string | undefined; after?: string | undefined };
/** The year that a calendar's page shows, unless it is the present one. */
export type YearSearch = { year?: number | undefined };
export type BackfillSearch = {
  state?: BackfillState[] | undefined;
  job?: string | undefined;
  trigger?: string | undefined;
  after?: string | undefined;
};
/** A backfill's dates. */
export type DateSearch = { state?: BackfillDateState[] | undefined; after?: string | undefined };
/** Whose fires, and the part of them that is looked at: instants. */
export type ForecastSearch = {
  job?: string | undefined;
  group?: string | undefined;
  from?: string | undefined;
  until?: string | undefined;
};
/** How far back the chart looks, unless it is the ordinary hour. */
export type OverviewSearch = { minutes?: number | undefined };
/** A job's name and a type of error. */
export type DeadLetterSearch = {
  job?: string | undefined;
  type?: string | undefined;
  /** Errors without a type, instead of those of one. */
  untyped?: true | undefined;
  after?: string | undefined;
};
export type ExecutorSearch = { q?: string | undefined; after?: string | undefined };

/** Every trigger state, for a filter to choose from. */
export const TRIGGER_STATES: readonly TriggerState[] = ["NORMAL", "PAUSED", "BLOCKED", "COMPLETE", "ERROR"];

type Raw = Record<string, unknown>;

const text = (raw: Raw, key: string): string | undefined => {
  const value = raw[key];
  return typeof value === "string" && value !== "" ? value : undefined;
};
const list = (raw: Raw, key: string): string[] | undefined => {
  const value = raw[key];
  const values = (Array.isArray(value) ? value : [value]).filter(
    (each): each is string => typeof each === "string" && each !== "",
  );
  return values.length === 0 ? undefined : [...new Set(values)];
};
/** Those of `words` that the address names; undefined when it names none of them. */
const some = <Word extends string>(raw: Raw, key: string, words: readonly Word[]): Word[] | undefined => {
  const named = list(raw, key)?.flatMap((each) => words.find((word) => word === each) ?? []);
  return named?.length ? named : undefined;
};
/** Leaves unset keys out, so that the address stays short. */
const present = <T extends object>(search: T): T =>
  Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;

/** The namespace, on every page. */
export const namespaceSearch = (raw: Raw): { ns?: string | undefined } => present({ ns: text(raw, "ns") });

/** Keeps what the runs list understands; unknown states are dropped. */
export function runSearch(raw: Raw): RunSearch {
  return present<RunSearch>({
    state: some(raw, "state", RUN_STATES),
    job: text(raw, "job"),
    trigger: text(raw, "trigger"),
    tag: list(raw, "tag"),
    after: text(raw, "after"),
  });
}

export const jobSearch = (raw: Raw): JobSearch =>
  present<JobSearch>({ q: text(raw, "q"), tag: list(raw, "tag"), after: text(raw, "after") });

export const triggerSearch = (raw: Raw): TriggerSearch =>
  present<TriggerSearch>({
    q: text(raw, "q"),
    state: TRIGGER_STATES.find((state) => state === raw.state),
    group: text(raw, "group"),
    job: text(raw, "job"),
    after: text(raw, "after"),
  });

export const ledgerSearch = (raw: Raw): LedgerSearch =>
  present<LedgerSearch>({ outcome: some(raw, "outcome", OUTCOMES), after: text(raw, "after") });

export const calendarSearch = (raw: Raw): CalendarSearch =>
  present<CalendarSearch>({ q: text(raw, "q"), after: text(raw, "after") });

/** The years that the server knows. */
export const yearSearch = (raw: Raw): YearSearch => {
  const year = Number(raw.year);
  return present<YearSearch>({
    year: Number.isInteger(year) && year >= 1970 && year <= 2199 ? year : undefined,
  });
};

export const backfillSearch = (raw: Raw): BackfillSearch =>
  present<BackfillSearch>({
    state: some(raw, "state", BACKFILL_STATES),
    job: text(raw, "job"),
    trigger: text(raw, "trigger"),
    after: text(raw, "after"),
  });

export const dateSearch = (raw: Raw): DateSearch =>
  present<DateSearch>({ state: some(raw, "state", BACKFILL_DATE_STATES), after: text(raw, "after") });

export const forecastSearch = (raw: Raw): ForecastSearch =>
  present<ForecastSearch>({
    job: text(raw, "job"),
    group: text(raw, "group"),
    from: text(raw, "from"),
    until: text(raw, "until"),
  });

export const executorSearch = (raw: Raw): ExecutorSearch =>
  present<ExecutorSearch>({ q: text(raw, "q"), after: text(raw, "after") });

export const deadLetterSearch = (raw: Raw): DeadLetterSearch =>
  present<DeadLetterSearch>({
    job: text(raw, "job"),
    type: text(raw, "type"),
    untyped: String(raw.untyped) === "true" || undefined,
    after: text(raw, "after"),
  });

/** As the server's filter has it: empty where an error has none, undefined for whatever it is. */
export const errorTypeOf = ({ type, untyped }: DeadLetterSearch): string | undefined => (untyped ? "" : type);

/** The chart's choices, in minutes; the server keeps a day. */
export const CHART_MINUTES: readonly number[] = [15, 60, 360, 1440];

export const overviewSearch = (raw: Raw): OverviewSearch =>
  present<OverviewSearch>({
    minutes: CHART_MINUTES.find((minutes) => String(minutes) === String(raw.minutes)),
  });

/** Whether a list shows less than everything; its page does not count. */
export const isFiltered = ({ state, job, trigger, tag }: RunSearch): boolean =>
  [state, job, trigger, tag].some((part) => part !== undefined);

/** Whether a run belongs to a list under these filters; the server's `RunFilter`, for events that arrive later. */
export function runBelongs(
  run: {
    state: RunState;
    tags: readonly string[];
    job: { name: string };
    trigger: { name: string } | null;
  },
  search: RunSearch,
): boolean {
  return (
    (search.state === undefined || search.state.includes(run.state)) &&
    (search.job === undefined || search.job === run.job.name) &&
    (search.trigger === undefined || search.trigger === run.trigger?.name) &&
    (search.tag === undefined || search.tag.every((tag) => run.tags.includes(tag)))
  );
}
