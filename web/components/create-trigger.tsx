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
  mayJitter,
  type PreviewValues,
  readPreview,
  readTrigger,
  type ScheduleForm,
  type TriggerForm,
} from "../model/forms.ts";
import { cronInWords, WEEKDAYS } from "../model/schedule.ts";
import { Dialog } from "./dialog.tsx";
import { ChoiceField, SelectField, TextField } from "./field.tsx";
import { Fires } from "./fires.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

const FIELDS = [
  "name",
  "job",
  "expression",
  "timeZone",
  "every",
  "at",
  "from",
  "until",
  "weekdays",
  "startAt",
  "jitter",
] as const;
const PREVIEW_AFTER_MS = 300;
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const KINDS: readonly { kind: ScheduleForm["kind"]; word: string }[] = [
  { kind: "cron", word: "by cron expression" },
  { kind: "fixedRate", word: "at a fixed rate" },
  { kind: "fixedDelay", word: "after the previous run ends" },
  { kind: "calendarInterval", word: "every so many days or months" },
  { kind: "dailyTimeInterval", word: "within a window of the day" },
  { kind: "once", word: "once" },
];

const ZONED: readonly ScheduleForm["kind"][] = ["cron", "calendarInterval", "dailyTimeInterval"];

export type CreateTriggerDialogProps = { job?: string; close: () => void };

export function CreateTriggerDialog({ job, close }: CreateTriggerDialogProps) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<TriggerForm>({
    name: "",
    job: job ?? "",
    kind: "cron",
    expression: "*/5 * * * *",
    dialect: "UNIX",
    timeZone: "UTC",
    every: "5m",
    at: "",
    from: "08:00",
    until: "18:00",
    weekdays: WEEKDAYS.slice(0, 5),
    startAt: "",
    jitter: "",
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
  const field = (name: Exclude<keyof TriggerForm, "weekdays">) => ({
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
              hint={expression === "" ? undefined : cronInWords(expression, form.dialect)}
              className="font-mono"
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
            <TextField label="From" type="time" hint="Its fires are counted from here." {...field("from")} />
            <TextField label="Until" type="time" hint="Earlier: on the next day." {...field("until")} />
            <ChoiceField
              label="On"
              words={WEEKDAYS}
              chosen={form.weekdays}
              short={(weekday) => weekday.charAt(0)}
              fault={faults.weekdays}
              onChange={(weekdays) => setForm((before) => ({ ...before, weekdays }))}
            />
          </>
        )}
        {ZONED.includes(form.kind) && (
          <TextField
            label="Time zone"
            hint={HERE === "UTC" ? undefined : `Here it is ${HERE}.`}
            {...field("timeZone")}
          />
        )}
        {form.kind !== "once" && (
          <TextField
            label="Starts"
            type="datetime-local"
            step={1}
            hint={
              form.kind === "calendarInterval" ? "Its day and time come again. Blank: now." : "Blank: now."
            }
            {...field("startAt")}
          />
        )}
        {mayJitter(form.kind) && (
          <TextField
            label="Put off by up to"
            hint="So that not all fire at once, such as 30s."
            {...field("jitter")}
          />
        )}
      </div>
      <Preview asked={readPreview(form, namespace)} />
    </Dialog>
  );
}

/** What the server makes of the schedule, a moment after the last key. */
function Preview({ asked }: { asked: PreviewValues | null }) {
  const wanted = asked === null ? null : JSON.stringify(asked);
  const [settled, setSettled] = useState(wanted);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(wanted), PREVIEW_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [wanted]);
  if (settled === null) return null;
  return (
    <div className="min-h-28 text-[13px]">
      <p className="font-medium">Next fire times</p>
      <NextFires asked={JSON.parse(settled) as PreviewValues} />
    </div>
  );
}

function NextFires({ asked }: { asked: PreviewValues }) {
  const { data, error } = useLiveQuery(PreviewSchedule, asked);
  if (error !== undefined) return <p className="text-bad wrap-anywhere">{messageOf(error)}</p>;
  if (data?.previewFires.length === 0) return <p className="text-muted">None: it would never fire.</p>;
  return <Fires fires={data?.previewFires ?? []} className="mt-1 grid gap-0.5" />;
}
