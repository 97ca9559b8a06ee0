/** What a calendar excludes by its own rule: in words, and its dates or periods one by one. */
import { useState } from "react";
import { useLiveQuery } from "../graphql/live.ts";
import { PreviewQuery } from "../graphql/triggers.ts";
import { type CalendarRule, ruleInWords } from "../model/calendar.ts";
import { clockTime, formatCount } from "../model/time.ts";
import { dayInWords, dayOf } from "../model/wall-clock.ts";
import { useOpened } from "./clock.ts";

const ROWS = 12;
const MORE = 200;

export type RuleViewProps = { rule: CalendarRule; timeZone: string | null };

export function RuleView({ rule, timeZone }: RuleViewProps) {
  const now = useOpened();
  return (
    <div className="px-4 py-3 text-[13px]">
      <p className="font-medium">{ruleInWords(rule, now)}</p>
      {rule.__typename === "CronCalendar" && <CronWords rule={rule} timeZone={timeZone ?? "UTC"} />}
      <Entries lines={entriesOf(rule, now)} />
    </div>
  );
}

/** The server's words for the expression. */
function CronWords({ rule, timeZone }: { rule: RuleOf<"CronCalendar">; timeZone: string }) {
  const { expression, dialect } = rule;
  const { data } = useLiveQuery(PreviewQuery, { schedule: { cron: { expression, dialect, timeZone } } });
  return data === undefined ? null : <p className="mt-1 text-muted">{data.describeSchedule}</p>;
}
type RuleOf<Name> = Extract<CalendarRule, { __typename: Name }>;

type Entry = { key: string; when: string; label: string | null; past: boolean };

/** Those to come first, then those that are past, the latest first. */
function entriesOf(rule: CalendarRule, nowMs: number): Entry[] {
  const entries =
    rule.__typename === "HolidaysCalendar"
      ? rule.dates.map(({ date, label }) => ({
          key: date,
          when: dayInWords(dayOf(date)),
          label,
          past: Date.parse(`${date}T23:59:59Z`) < nowMs,
        }))
      : rule.__typename === "PeriodsCalendar"
        ? rule.periods.map(({ from, until, label }) => ({
            key: `${from} ${until}`,
            when: `${clockTime(from, nowMs)} to ${clockTime(until, nowMs)}`,
            label,
            past: Date.parse(until) < nowMs,
          }))
        : [];
  return [...entries.filter(({ past }) => !past), ...entries.filter(({ past }) => past).reverse()];
}

function Entries({ lines }: { lines: readonly Entry[] }) {
  const [shown, setShown] = useState(ROWS);
  if (lines.length === 0) return null;
  return (
    <>
      <ul aria-label="Entries" className="mt-2 grid max-h-96 gap-x-4 gap-y-1 overflow-y-auto">
        {lines.slice(0, shown).map(({ key, when, label, past }) => (
          <li key={key} className={`flex flex-wrap justify-between gap-x-3 ${past ? "text-muted" : ""}`}>
            <span className="tabular-nums">{when}</span>
            <span className="wrap-anywhere text-muted">{label ?? (past ? "past" : "")}</span>
          </li>
        ))}
      </ul>
      {lines.length > shown && (
        <button
          type="button"
          onClick={() => setShown(shown + MORE)}
          className="mt-2 text-xs text-accent hover:underline"
        >
          {formatCount(lines.length - shown)} more
        </button>
      )}
    </>
  );
}
