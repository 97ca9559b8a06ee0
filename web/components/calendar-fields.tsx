/** The fields of a calendar: what each kind of rule asks for, its clock and its base. */
import { useState } from "react";
import { CalendarNamesQuery } from "../graphql/calendars.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { type CalendarForm, holidayLine, RULE_KINDS } from "../model/calendar-form.ts";
import type { Faults } from "../model/forms.ts";
import { WEEKDAYS } from "../model/schedule.ts";
import { Button } from "./button.tsx";
import { ChoiceField, CodeField, SelectField, TextField } from "./field.tsx";
import { useViewer } from "./viewer.tsx";
import { ZoneField } from "./zone-field.tsx";

export type CalendarFieldsProps = {
  form: CalendarForm;
  faults: Faults;
  change: (part: Partial<CalendarForm>) => void;
  /** A calendar that is there keeps its name. */
  named: boolean;
};

type FieldOf = (name: Exclude<keyof CalendarForm, "weekdays">) => {
  value: string;
  fault: string | undefined;
  onChange: (event: { target: { value: string } }) => void;
};

export function CalendarFields({ form, faults, change, named }: CalendarFieldsProps) {
  const { namespace } = useViewer();
  const calendars = useLiveQuery(CalendarNamesQuery, { namespace });
  const others = (calendars.data?.calendars.nodes ?? []).filter(({ name }) => name !== form.name);
  const field: FieldOf = (name) => ({
    value: form[name],
    fault: faults[name],
    onChange: (event) => change({ [name]: event.target.value }),
  });
  return (
    <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
      {!named && <TextField label="Name" hint="Unique in this namespace." autoFocus {...field("name")} />}
      <SelectField label="Excludes" {...field("kind")}>
        {RULE_KINDS.map(({ kind, word }) => (
          <option key={kind} value={kind}>
            {word}
          </option>
        ))}
      </SelectField>
      <div className="grid gap-x-3 gap-y-2 sm:col-span-2 sm:grid-cols-2">
        <RuleFields form={form} faults={faults} change={change} field={field} />
      </div>
      <ZoneField
        label="Time zone"
        placeholder="that of each trigger's schedule"
        hint="Whose wall clock it goes by. Blank: the schedule's."
        {...field("timeZone")}
      />
      <SelectField label="Base" hint="What that one excludes is excluded, too." {...field("base")}>
        <option value="">none</option>
        {form.base !== "" && !others.some(({ name }) => name === form.base) && (
          <option value={form.base}>{form.base}</option>
        )}
        {others.map(({ id, name }) => (
          <option key={id} value={name}>
            {name}
          </option>
        ))}
      </SelectField>
      <div className="sm:col-span-2">
        <TextField label="Description" placeholder="none" {...field("description")} />
      </div>
    </div>
  );
}

type RuleFieldsProps = Omit<CalendarFieldsProps, "named"> & { field: FieldOf };

function RuleFields({ form, faults, change, field }: RuleFieldsProps) {
  switch (form.kind) {
    case "weekly":
      return (
        <ChoiceField
          label="Days off"
          words={WEEKDAYS}
          chosen={form.weekdays}
          short={(weekday) => weekday.charAt(0)}
          fault={faults.weekdays}
          onChange={(weekdays) => change({ weekdays })}
        />
      );
    case "holidays":
      return (
        <div className="grid gap-2 sm:col-span-2">
          <CodeField
            label="Dates"
            placeholder={"2030-04-19 Good Friday\n2030-04-22 Easter Monday"}
            hint="One per line: the date, then what it is."
            {...field("dates")}
          />
          <AddDate add={(line) => change({ dates: withLine(form.dates, line) })} />
        </div>
      );
    case "annual":
      return (
        <div className="sm:col-span-2">
          <TextField
            label="Days"
            placeholder="12-25, 01-01"
            hint="Month and day, separated by commas."
            {...field("annual")}
          />
        </div>
      );
    case "monthly":
      return (
        <div className="sm:col-span-2">
          <TextField
            label="Days"
            placeholder="1, -1"
            hint="1 to 31; negative ones count from the end: -1 is the last."
            {...field("monthly")}
          />
        </div>
      );
    case "daily":
      return (
        <>
          <SelectField label="Excluded is" {...field("side")}>
            <option value="inside">this time</option>
            <option value="outside">everything but this time</option>
          </SelectField>
          <div className="grid grid-cols-2 gap-x-3">
            <TextField label="From" type="time" {...field("from")} />
            <TextField label="Until" type="time" hint="Exclusive." {...field("until")} />
          </div>
        </>
      );
    case "periods":
      return (
        <div className="grid gap-2 sm:col-span-2">
          <CodeField
            label="Periods"
            placeholder="2030-03-01T22:00 2030-03-02T02:00 Migration"
            hint="One per line: from, until, what it is. On this computer's clock unless an offset such as Z is written."
            {...field("periods")}
          />
          <AddPeriod add={(line) => change({ periods: withLine(form.periods, line) })} />
        </div>
      );
    case "cron":
      return (
        <>
          <TextField
            label="Cron expression"
            placeholder="* 12 * * *"
            className="font-mono"
            hint="Excluded is every minute or second that it matches."
            {...field("expression")}
          />
          <SelectField
            label="Dialect"
            hint="Quartz has seconds first, and Sunday is 1."
            {...field("dialect")}
          >
            <option value="UNIX">UNIX</option>
            <option value="QUARTZ">Quartz</option>
          </SelectField>
        </>
      );
  }
}

const withLine = (text: string, line: string): string =>
  [text.trimEnd(), line].filter((each) => each !== "").join("\n");

/** Puts a date that is chosen from a calendar into the list. */
function AddDate({ add }: { add: (line: string) => void }) {
  const [date, setDate] = useState("");
  const [label, setLabel] = useState("");
  const put = (): void => {
    add(holidayLine({ date, label: label.trim() || null }));
    setDate("");
    setLabel("");
  };
  return (
    <div className="flex flex-wrap gap-2">
      <input
        type="date"
        aria-label="Another date"
        value={date}
        onChange={(event) => setDate(event.target.value)}
        className={PART}
      />
      <input
        type="text"
        aria-label="What that date is"
        placeholder="what it is"
        autoComplete="off"
        value={label}
        onChange={(event) => setLabel(event.target.value)}
        className={`${PART} min-w-24 flex-1`}
      />
      <Button onClick={put} disabled={date === ""}>
        Add
      </Button>
    </div>
  );
}

/** The same for a stretch of time. */
function AddPeriod({ add }: { add: (line: string) => void }) {
  const [from, setFrom] = useState("");
  const [until, setUntil] = useState("");
  const put = (): void => {
    add(`${from} ${until}`);
    setFrom("");
    setUntil("");
  };
  return (
    <div className="flex flex-wrap gap-2">
      <input
        type="datetime-local"
        aria-label="Another period from"
        value={from}
        onChange={(event) => setFrom(event.target.value)}
        className={`${PART} flex-1`}
      />
      <input
        type="datetime-local"
        aria-label="Another period until"
        value={until}
        onChange={(event) => setUntil(event.target.value)}
        className={`${PART} flex-1`}
      />
      <Button onClick={put} disabled={from === "" || until === ""}>
        Add
      </Button>
    </div>
  );
}

const PART = "h-8 rounded-md border border-line bg-ground px-2.5 text-[13px] placeholder:text-muted/70";
