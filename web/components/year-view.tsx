/** A year as twelve months of days: which of them a calendar excludes, whole or in part. */
import { type Standing, type Stretch, type YearDay, type YearMonth, yearOf } from "../model/calendar.ts";
import { dayInWords } from "../model/wall-clock.ts";

const MONTH = new Intl.DateTimeFormat("en-GB", { month: "long", timeZone: "UTC" });
const WEEK = ["M", "T", "W", "T", "F", "S", "S"];
const LOOKS: Record<Standing, string> = {
  free: "",
  whole: "bg-brass text-on-accent font-medium",
  part: "ring-1 ring-inset ring-brass",
  unknown: "text-muted/50",
};
const SAID: Record<Standing, string> = {
  free: "",
  whole: "excluded",
  part: "partly excluded",
  unknown: "not known",
};

export type YearViewProps = {
  year: number;
  stretches: readonly Stretch[];
  timeZone: string;
  /** How far the stretches go; null: they are all there are. */
  known: string | null;
};

export function YearView({ year, stretches, timeZone, known }: YearViewProps) {
  const months = yearOf(year, stretches, timeZone, known);
  return (
    <div className="px-4 py-3">
      <div className="grid grid-cols-2 gap-x-5 gap-y-4 sm:grid-cols-3 lg:grid-cols-4">
        {months.map((month) => (
          <Month key={month.month} month={month} year={year} />
        ))}
      </div>
      <ul className="mt-4 flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
        <li className="flex items-center gap-1.5">
          <span className={`size-3 rounded-sm ${LOOKS.whole}`} /> excluded
        </li>
        <li className="flex items-center gap-1.5">
          <span className={`size-3 rounded-sm ${LOOKS.part}`} /> part of the day
        </li>
        {known !== null && (
          <li>There is more than is shown here: days after the last coloured one are not known.</li>
        )}
      </ul>
    </div>
  );
}

function Month({ month: { month, lead, days }, year }: { month: YearMonth; year: number }) {
  const name = MONTH.format(new Date(Date.UTC(year, month, 1)));
  return (
    <section aria-label={`${name} ${year}`}>
      <h3 className="mb-1 text-xs font-semibold">{name}</h3>
      <div aria-hidden className="grid grid-cols-7 text-center text-[10px] text-muted">
        {WEEK.map((letter, at) => (
          <span key={`${letter}${at < 5 ? at : at + 1}`}>{letter}</span>
        ))}
      </div>
      <ol className="grid grid-cols-7 gap-px text-center text-[11px] tabular-nums">
        {days.map((day, at) => (
          <Day key={day.day} day={day} number={at + 1} column={at === 0 ? lead + 1 : undefined} />
        ))}
      </ol>
    </section>
  );
}

type DayProps = { day: YearDay; number: number; column: number | undefined };

function Day({ day: { day, standing, by }, number, column }: DayProps) {
  const said =
    standing === "free"
      ? undefined
      : `${dayInWords(day)}: ${SAID[standing]}${by.length > 0 ? ` by ${by.join(", ")}` : ""}`;
  return (
    <li
      title={said}
      style={column === undefined ? undefined : { gridColumnStart: column }}
      className={`rounded-sm py-0.5 ${LOOKS[standing]}`}
    >
      {number}
      {standing !== "free" && standing !== "unknown" && <span className="sr-only"> {SAID[standing]}</span>}
    </li>
  );
}
