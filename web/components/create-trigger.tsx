/** The dialog that creates a trigger, with a preview of its next fire times. */
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { CreateTrigger, PreviewSchedule } from "../graphql/triggers.ts";
import {
  readSchedule,
  readTrigger,
  type ScheduleForm,
  type ScheduleValues,
  type TriggerForm,
} from "../model/forms.ts";
import { cronInWords } from "../model/schedule.ts";
import { Dialog } from "./dialog.tsx";
import { SelectField, TextField } from "./field.tsx";
import { At } from "./moment.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

const FIELDS = ["name", "job", "expression", "timeZone", "every", "at"] as const;
const PREVIEW_AFTER_MS = 300;
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const KINDS: readonly { kind: ScheduleForm["kind"]; word: string }[] = [
  { kind: "cron", word: "by cron expression" },
  { kind: "fixedRate", word: "at a fixed rate" },
  { kind: "fixedDelay", word: "after the previous run ends" },
  { kind: "once", word: "once" },
];

export type CreateTriggerDialogProps = { job?: string; close: () => void };

export function CreateTriggerDialog({ job, close }: CreateTriggerDialogProps) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<TriggerForm>({
    name: "",
    job: job ?? "",
    kind: "cron",
    expression: "*/5 * * * *",
    timeZone: "UTC",
    every: "5m",
    at: "",
  });
  const names = useLiveQuery(JobNamesQuery, { namespace, search: form.job || undefined }, job !== undefined);
  const [{ fetching }, create] = useMutation(CreateTrigger);
  const { faults, fault, submit } = useSubmit(readTrigger(form), FIELDS, (values) =>
    create({ input: { namespace, ...values } }),
  );
  const send = async (): Promise<void> => {
    const data = await submit();
    if (data === undefined) return;
    toast.success(`The trigger ${data.createTrigger.name} is set.`);
    close();
    navigate({ to: "/triggers/$name", params: { name: data.createTrigger.name } });
  };
  const field = (name: keyof TriggerForm) => ({
    value: form[name],
    fault: faults[name],
    onChange: (event: { target: { value: string } }) =>
      setForm((before) => ({ ...before, [name]: event.target.value })),
  });
  const expression = form.expression.trim();
  return (
    <Dialog
      title="New trigger"
      open
      close={close}
      verb="Create the trigger"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
        <TextField label="Name" hint="Unique in this namespace." autoFocus {...field("name")} />
        <TextField label="Job" list="trigger-jobs" readOnly={job !== undefined} {...field("job")} />
        <datalist id="trigger-jobs">
          {names.data?.jobs.nodes.map((each) => (
            <option key={each.id} value={each.name} />
          ))}
        </datalist>
        <SelectField label="Fires" {...field("kind")}>
          {KINDS.map(({ kind, word }) => (
            <option key={kind} value={kind}>
              {word}
            </option>
          ))}
        </SelectField>
        {form.kind === "cron" && (
          <>
            <TextField
              label="Cron expression"
              hint={expression === "" ? undefined : cronInWords(expression, "UNIX")}
              className="font-mono"
              {...field("expression")}
            />
            <TextField
              label="Time zone"
              hint={HERE === "UTC" ? undefined : `Here it is ${HERE}.`}
              {...field("timeZone")}
            />
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
        {(form.kind === "fixedRate" || form.kind === "fixedDelay") && (
          <TextField label="Every" hint="Such as 30s, 5m or 2h." {...field("every")} />
        )}
      </div>
      <Preview schedule={readSchedule(form).values} />
    </Dialog>
  );
}

/** What the server makes of the schedule, a moment after the last key. */
function Preview({ schedule }: { schedule: ScheduleValues | null }) {
  const wanted = schedule === null ? null : JSON.stringify(schedule);
  const [asked, setAsked] = useState(wanted);
  useEffect(() => {
    const timer = window.setTimeout(() => setAsked(wanted), PREVIEW_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [wanted]);
  if (asked === null) return null;
  return (
    <div className="min-h-28 text-[13px]">
      <p className="font-medium">Next fire times</p>
      <NextFires schedule={JSON.parse(asked) as ScheduleValues} />
    </div>
  );
}

function NextFires({ schedule }: { schedule: ScheduleValues }) {
  const { data, error } = useLiveQuery(PreviewSchedule, { schedule });
  if (error !== undefined) return <p className="text-bad wrap-anywhere">{messageOf(error)}</p>;
  if (data?.previewSchedule.length === 0) return <p className="text-muted">None: it would never fire.</p>;
  return (
    <ul className="mt-1 grid gap-0.5">
      {data?.previewSchedule.map((fire) => (
        <li key={fire}>
          <At at={fire} />
        </li>
      ))}
    </ul>
  );
}
