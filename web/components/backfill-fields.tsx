/** What a backfill asks for: whose times, which of them, and how they are run. */
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { TriggerNamesQuery } from "../graphql/triggers.ts";
import type { BackfillForm } from "../model/backfill.ts";
import type { Faults } from "../model/forms.ts";
import { CodeField, SelectField, TextField } from "./field.tsx";
import { MoreFields } from "./more-fields.tsx";
import { useViewer } from "./viewer.tsx";
import { ZoneField } from "./zone-field.tsx";

export type BackfillFieldsProps = {
  form: BackfillForm;
  faults: Faults;
  change: (part: Partial<BackfillForm>) => void;
  /** The trigger or job is given. */
  fixed: boolean;
};

type FieldOf = (name: keyof BackfillForm) => {
  value: string;
  fault: string | undefined;
  onChange: (event: { target: { value: string } }) => void;
};

export function BackfillFields({ form, faults, change, fixed }: BackfillFieldsProps) {
  const field: FieldOf = (name) => ({
    value: form[name],
    fault: faults[name],
    onChange: (event) => change({ [name]: event.target.value }),
  });
  const wrong = ["priority", "input"].some((name) => faults[name] !== undefined);
  return (
    <div className="grid gap-3">
      <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
        {!fixed && <Subject form={form} field={field} />}
        <SelectField label="Which" {...field("which")}>
          <option value="range">
            {form.of === "trigger" ? "the times of a range" : "the days of a range"}
          </option>
          <option value="list">a list of dates</option>
        </SelectField>
        {form.which === "range" && form.of === "job" && (
          <ZoneField label="Time zone of the days" {...field("timeZone")} />
        )}
        {form.which === "range" ? (
          <>
            <TextField
              label="From"
              type="datetime-local"
              hint="Inclusive, on this computer's clock."
              {...field("from")}
            />
            <TextField label="To" type="datetime-local" hint="Inclusive, and of the past." {...field("to")} />
          </>
        ) : (
          <div className="sm:col-span-2">
            <CodeField
              label="Dates"
              placeholder={"2026-01-31T08:00Z\n2026-02-28T08:00Z"}
              hint="One per line, in the order in which they start. On this computer's clock unless an offset is written."
              rows={5}
              {...field("dates")}
            />
          </div>
        )}
        <SelectField label="Order" {...field("order")}>
          <option value="ASCENDING">{form.which === "range" ? "the first date first" : "as listed"}</option>
          <option value="DESCENDING">
            {form.which === "range" ? "the last date first" : "from the end of the list"}
          </option>
        </SelectField>
        <TextField
          label="At once"
          inputMode="numeric"
          hint="How many run at the same time."
          {...field("maxParallel")}
        />
        <SelectField label="When a date fails" {...field("onFailure")}>
          <option value="CONTINUE">the others go on</option>
          <option value="STOP">nothing new starts</option>
        </SelectField>
        <SelectField label="Dates that have had a run" {...field("reprocess")}>
          <option value="NONE">keep it</option>
          <option value="FAILED">run again if it did not succeed</option>
          <option value="ALL">run again</option>
        </SelectField>
      </div>
      <MoreFields
        title="Each run"
        said={
          form.input === "" && form.priority === ""
            ? `the ${form.of}'s input and priority`
            : "its own input or priority"
        }
        wrong={wrong}
      >
        <TextField
          label="Priority"
          inputMode="numeric"
          placeholder={`the ${form.of}'s`}
          hint="Higher starts first."
          {...field("priority")}
        />
        <div className="sm:col-span-2">
          <CodeField
            label="Input"
            placeholder='{ "key": "value" }'
            hint={`JSON. Blank: the ${form.of}'s.`}
            rows={4}
            {...field("input")}
          />
        </div>
      </MoreFields>
    </div>
  );
}

function Subject({ form, field }: { form: BackfillForm; field: FieldOf }) {
  const { namespace } = useViewer();
  const triggers = useLiveQuery(
    TriggerNamesQuery,
    { namespace, search: form.trigger || undefined },
    form.of !== "trigger",
  );
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: form.job || undefined }, form.of !== "job");
  return (
    <>
      <SelectField label="Of" {...field("of")}>
        <option value="trigger">a trigger: its past times</option>
        <option value="job">a job: days or dates</option>
      </SelectField>
      {form.of === "trigger" ? (
        <TextField label="Trigger" list="backfill-triggers" {...field("trigger")} />
      ) : (
        <TextField label="Job" list="backfill-jobs" {...field("job")} />
      )}
      <datalist id="backfill-triggers">
        {triggers.data?.triggers.nodes.map(({ id, name, scheduleInWords }) => (
          <option key={id} value={name}>
            {scheduleInWords}
          </option>
        ))}
      </datalist>
      <datalist id="backfill-jobs">
        {jobs.data?.jobs.nodes.map(({ id, name }) => (
          <option key={id} value={name} />
        ))}
      </datalist>
    </>
  );
}
