/** The fields of a trigger, for making one and for changing one. */
import { CalendarNamesQuery } from "../graphql/calendars.ts";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import type { Faults } from "../model/forms.ts";
import { ON_EXCLUDED } from "../model/schedule.ts";
import { hasZone } from "../model/schedule-form.ts";
import type { TriggerForm } from "../model/trigger-form.ts";
import { SelectField, TextField } from "./field.tsx";
import { PickField } from "./pick-field.tsx";
import { ScheduleFields } from "./schedule-fields.tsx";
import { type FieldOf, TriggerMoreFields } from "./trigger-more-fields.tsx";
import { useViewer } from "./viewer.tsx";
import { ZoneField } from "./zone-field.tsx";

export type TriggerFieldsProps = {
  form: TriggerForm;
  faults: Faults;
  change: (part: Partial<TriggerForm>) => void;
  /** A trigger that is there keeps its name. */
  named: boolean;
  /** Given by the page. */
  ofJob: boolean;
};

export function TriggerFields({ form, faults, change, named, ofJob }: TriggerFieldsProps) {
  const { namespace } = useViewer();
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: form.job || undefined }, ofJob);
  const calendars = useLiveQuery(CalendarNamesQuery, { namespace });
  const field: FieldOf = (name) => ({
    value: form[name],
    fault: faults[name],
    onChange: (event) => change({ [name]: event.target.value }),
  });
  return (
    <div className="grid min-w-0 grid-cols-1 content-start gap-3">
      <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
        {!named && <TextField label="Name" hint="Unique in this namespace." autoFocus {...field("name")} />}
        <TextField label="Job" list="trigger-jobs" readOnly={ofJob} {...field("job")} />
        <datalist id="trigger-jobs">
          {jobs.data?.jobs.nodes.map((each) => (
            <option key={each.id} value={each.name} />
          ))}
        </datalist>
        <TextField
          label="Group"
          placeholder="default"
          hint="For pausing several triggers at once."
          {...field("group")}
        />
        <ScheduleFields form={form} faults={faults} change={change} field={field} />
        {hasZone(form.kind) && <ZoneField label="Time zone" {...field("timeZone")} />}
      </div>
      <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
        <PickField
          label="Calendars"
          hint={
            calendars.data?.calendars.pageInfo.hasNextPage
              ? "A time counts if all of them include it. Only the first 200 are offered here."
              : "A time counts if all of them include it."
          }
          empty="There is none in this namespace."
          from={calendars.data?.calendars.nodes ?? []}
          chosen={form.calendars}
          fault={faults.calendars}
          onChange={(chosen) => change({ calendars: chosen })}
        />
        {form.calendars.length > 0 && (
          <SelectField
            label="An excluded time"
            hint="Moving is for at most 24 fixed times a day."
            {...field("onExcluded")}
          >
            {ON_EXCLUDED.map(({ value, word }) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </SelectField>
        )}
      </div>
      <TriggerMoreFields form={form} faults={faults} field={field} />
    </div>
  );
}
