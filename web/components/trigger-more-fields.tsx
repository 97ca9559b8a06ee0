/** What of a trigger most people leave as it is: its window, clock changes, missed times, and what its runs get. */
import type { Faults } from "../model/forms.ts";
import { MISFIRE_POLICIES, misfireInWords } from "../model/schedule.ts";
import { mayJitter, mayRepeat, meetsClockChanges } from "../model/schedule-form.ts";
import type { TriggerForm } from "../model/trigger-form.ts";
import { CodeField, SelectField, TextField } from "./field.tsx";
import { MoreFields } from "./more-fields.tsx";

/** The texts and choices of the form, which one kind of handler serves. */
type Written = Exclude<keyof TriggerForm, "weekdays" | "calendars">;
export type FieldOf = (name: Written) => {
  value: string;
  fault: string | undefined;
  onChange: (event: { target: { value: string } }) => void;
};

export type TriggerMoreFieldsProps = { form: TriggerForm; faults: Faults; field: FieldOf };

export function TriggerMoreFields({ form, faults, field }: TriggerMoreFieldsProps) {
  const wrong = (...names: readonly string[]): boolean => names.some((name) => faults[name] !== undefined);
  return (
    <>
      {form.kind !== "once" && (
        <MoreFields
          title="Start, end, jitter"
          said={windowInWords(form)}
          wrong={wrong("startAt", "endAt", "jitter", "repeat")}
        >
          <Window form={form} field={field} />
        </MoreFields>
      )}
      {meetsClockChanges(form.kind) && (
        <MoreFields title="When the clocks change" said={clocksInWords(form)} wrong={false}>
          <Clocks form={form} field={field} />
        </MoreFields>
      )}
      <MoreFields
        title="When missed"
        said={missedInWords(form)}
        wrong={wrong("threshold", "limit", "window")}
      >
        <Missed form={form} field={field} />
      </MoreFields>
      <MoreFields title="Each run" said={runInWords(form)} wrong={wrong("priority", "input")}>
        <TextField
          label="Priority"
          inputMode="numeric"
          placeholder="the job's"
          hint="Higher starts first."
          {...field("priority")}
        />
        <div className="sm:col-span-2">
          <CodeField
            label="Input"
            placeholder='{ "key": "value" }'
            hint="JSON. Blank: the job's own input."
            rows={4}
            {...field("input")}
          />
        </div>
      </MoreFields>
    </>
  );
}

type Part = { form: TriggerForm; field: FieldOf };

function Window({ form, field }: Part) {
  return (
    <>
      <TextField
        label="Starts"
        type="datetime-local"
        step={1}
        hint={form.kind === "calendarInterval" ? "Its day and time come again. Blank: now." : "Blank: now."}
        {...field("startAt")}
      />
      <TextField
        label="Ends"
        type="datetime-local"
        step={1}
        hint="Inclusive. Blank: never."
        {...field("endAt")}
      />
      {mayJitter(form.kind) && (
        <TextField
          label="Put off by up to"
          placeholder="not at all"
          hint="So that not all fire at once, such as 30s."
          {...field("jitter")}
        />
      )}
      {mayRepeat(form.kind) && (
        <TextField
          label="Times in all"
          inputMode="numeric"
          placeholder="without end"
          hint="It is complete after so many."
          {...field("repeat")}
        />
      )}
    </>
  );
}

function Clocks({ form, field }: Part) {
  return (
    <>
      <SelectField label="A time that the clocks skip" {...field("gap")}>
        <option value="SHIFT">fires right after the gap</option>
        <option value="SKIP">does not fire that day</option>
      </SelectField>
      <SelectField label="A time that they show twice" {...field("overlap")}>
        <option value="FIRST">fires the first time</option>
        <option value="SECOND">fires the second time</option>
        <option value="BOTH">fires both times</option>
      </SelectField>
      {form.kind === "calendarInterval" && (
        <SelectField label="A month without the day" {...field("missingDay")}>
          <option value="SHIFT">fires on its last day</option>
          <option value="SKIP">does not fire</option>
        </SelectField>
      )}
      <p className="text-xs text-muted sm:col-span-2">
        This is about fixed times of day. Steps, ranges and intervals of hours and minutes follow elapsed
        time.
      </p>
    </>
  );
}

function Missed({ form, field }: Part) {
  return (
    <>
      <SelectField label="Of the missed times" {...field("policy")}>
        {MISFIRE_POLICIES.map(({ policy, word }) => (
          <option key={policy} value={policy}>
            {word}
          </option>
        ))}
      </SelectField>
      <TextField
        label="Missed after"
        placeholder="1m"
        hint="What is late by less still fires."
        {...field("threshold")}
      />
      {form.policy === "FIRE_ALL" && (
        <TextField
          label="At most"
          inputMode="numeric"
          placeholder="100"
          hint="So many of the latest."
          {...field("limit")}
        />
      )}
      {form.policy !== "SKIP" && (
        <TextField
          label="Not older than"
          placeholder="any age"
          hint="What was missed before is left alone, such as 6h."
          {...field("window")}
        />
      )}
    </>
  );
}

const orNone = (words: readonly string[], none: string): string =>
  words.length === 0 ? none : words.join(", ");

const windowInWords = ({ startAt, endAt, jitter, repeat, kind }: TriggerForm): string =>
  orNone(
    [
      startAt === "" ? [] : [`from ${startAt.replace("T", " ")}`],
      endAt === "" ? [] : [`until ${endAt.replace("T", " ")}`],
      jitter === "" || !mayJitter(kind) ? [] : [`put off by up to ${jitter}`],
      repeat === "" || !mayRepeat(kind) ? [] : [`${repeat} times`],
    ].flat(),
    "from now on, without end",
  );

const clocksInWords = ({ gap, overlap }: TriggerForm): string =>
  `skipped times ${gap === "SHIFT" ? "fire after the gap" : "do not fire"}; repeated ones ${
    { FIRST: "the first time", SECOND: "the second time", BOTH: "both times" }[overlap]
  }`;

const missedInWords = ({ policy, threshold, limit, window }: TriggerForm): string =>
  misfireInWords({
    policy,
    threshold: threshold || "1 minute",
    limit: Number(limit) || 100,
    window: policy === "SKIP" || window === "" ? null : window,
  });

const runInWords = ({ priority, input }: TriggerForm): string =>
  orNone(
    [priority === "" ? [] : [`priority ${priority}`], input === "" ? [] : ["an input of its own"]].flat(),
    "the job's input and priority",
  );
