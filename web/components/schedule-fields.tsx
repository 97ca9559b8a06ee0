/** The fields of a schedule: its kind, and what that kind asks for. */
import type { Faults } from "../model/forms.ts";
import { WEEKDAYS } from "../model/schedule.ts";
import type { ScheduleKind } from "../model/schedule-form.ts";
import type { TriggerForm } from "../model/trigger-form.ts";
import { ChoiceField, SelectField, TextField } from "./field.tsx";
import type { FieldOf } from "./trigger-more-fields.tsx";

const KINDS: readonly { kind: ScheduleKind; word: string }[] = [
  { kind: "cron", word: "by cron expression" },
  { kind: "fixedRate", word: "at a fixed rate" },
  { kind: "fixedDelay", word: "after the previous run ends" },
  { kind: "calendarInterval", word: "every so many days or months" },
  { kind: "dailyTimeInterval", word: "within a window of the day" },
  { kind: "once", word: "once" },
];

export type ScheduleFieldsProps = {
  form: TriggerForm;
  faults: Faults;
  change: (part: Partial<TriggerForm>) => void;
  field: FieldOf;
};

export function ScheduleFields({ form, faults, change, field }: ScheduleFieldsProps) {
  return (
    <>
      <SelectField label="Fires" {...field("kind")}>
        {KINDS.map(({ kind, word }) => (
          <option key={kind} value={kind}>
            {word}
          </option>
        ))}
      </SelectField>
      {form.kind === "cron" && (
        <>
          <TextField label="Cron expression" className="font-mono" {...field("expression")} />
          <SelectField
            label="Dialect"
            hint="Quartz has seconds first, and Sunday is 1."
            {...field("dialect")}
          >
            <option value="UNIX">UNIX</option>
            <option value="QUARTZ">Quartz</option>
          </SelectField>
        </>
      )}
      {form.kind === "once" && (
        <TextField
          label="At"
          type="datetime-local"
          step={1}
          hint="On this computer's clock."
          {...field("at")}
        />
      )}
      {form.kind !== "cron" && form.kind !== "once" && (
        <TextField
          label="Every"
          hint={form.kind === "calendarInterval" ? "Such as 1d, 2w, 1mo or P1Y." : "Such as 30s, 5m or 2h."}
          {...field("every")}
        />
      )}
      {form.kind === "dailyTimeInterval" && (
        <>
          <TextField
            label="From"
            type="time"
            step={secondsOf(form.from)}
            hint="Its fires are counted from here."
            {...field("from")}
          />
          <TextField
            label="Until"
            type="time"
            step={secondsOf(form.until)}
            hint="Earlier: on the next day."
            {...field("until")}
          />
          <ChoiceField
            label="On"
            words={WEEKDAYS}
            chosen={form.weekdays}
            short={(weekday) => weekday.charAt(0)}
            fault={faults.weekdays}
            onChange={(weekdays) => change({ weekdays })}
          />
        </>
      )}
    </>
  );
}

/** A time with seconds, such as 23:59:59, is edited by the second. */
const secondsOf = (time: string): number => (time.length > 5 ? 1 : 60);
