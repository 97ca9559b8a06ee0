/** The dialogs that pause triggers: one alone, or those of a group, a job, a namespace or all. */
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { ActiveTriggersQuery, PauseTrigger, PauseTriggers } from "../graphql/trigger-pauses.ts";
import type { Faults } from "../model/forms.ts";
import {
  type ManyForm,
  type PauseForm,
  pausedInWords,
  readMany,
  readPause,
  type TriggerPause,
} from "../model/pauses.ts";
import { countOf, formatCount } from "../model/time.ts";
import { useOpened } from "./clock.ts";
import { Dialog } from "./dialog.tsx";
import { SelectField, TextField } from "./field.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

const ACTIVE = ["active trigger", "active triggers"] as const;
/** What is counted is that of now; a forecast of a minute is the cheapest. */
const COUNTED_MS = 60_000;

type ReasonFieldsProps = { form: PauseForm; faults: Faults; change: (part: Partial<PauseForm>) => void };

function ReasonFields({ form, faults, change }: ReasonFieldsProps) {
  return (
    <>
      <TextField
        label="Reason"
        hint="Optional; shown to everyone who wonders why it stands still."
        value={form.reason}
        fault={faults.reason}
        onChange={(event) => change({ reason: event.target.value })}
      />
      <TextField
        label="Until"
        type="datetime-local"
        hint="It then goes on by itself. Blank: until somebody resumes."
        value={form.until}
        fault={faults.until}
        onChange={(event) => change({ until: event.target.value })}
      />
    </>
  );
}

type PauseDialogProps = { name: string; changed: () => void; close: () => void };

/** Pauses one trigger. */
export function PauseDialog({ name, changed, close }: PauseDialogProps) {
  const { namespace } = useViewer();
  const [form, setForm] = useState<PauseForm>({ reason: "", until: "" });
  const [{ fetching }, pause] = useMutation(PauseTrigger);
  const { faults, fault, submit } = useSubmit(readPause(form), ["reason", "until"], (values) =>
    pause({ namespace, name, ...values }),
  );
  const send = async (): Promise<void> => {
    if ((await submit()) === undefined) return;
    toast.success(`${name} is paused.`);
    changed();
    close();
  };
  return (
    <Dialog
      title={`Pause ${name}?`}
      note="It fires no more. Runs that it has started go on. What passes meanwhile counts as missed."
      open
      close={close}
      verb="Pause the trigger"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <ReasonFields
        form={form}
        faults={faults}
        change={(part) => setForm((before) => ({ ...before, ...part }))}
      />
    </Dialog>
  );
}

const KINDS: readonly { kind: ManyForm["kind"]; word: string }[] = [
  { kind: "GROUP", word: "of a group" },
  { kind: "JOB", word: "of a job" },
  { kind: "NAMESPACE", word: "of this namespace" },
  { kind: "EVERYTHING", word: "of every namespace" },
];

type PauseManyProps = {
  /** What the list shows: where the dialog begins. */
  group?: string | undefined;
  job?: string | undefined;
  /** Groups that are known, for suggestions. */
  groups: readonly string[];
  changed: () => void;
  close: () => void;
};

/** Pauses the triggers of a group, a job, a namespace or all, after saying how many those are. */
export function PauseManyDialog({ group, job, groups, changed, close }: PauseManyProps) {
  const { namespace, seesAll } = useViewer();
  const [form, setForm] = useState<ManyForm>({
    kind: job !== undefined && group === undefined ? "JOB" : group !== undefined ? "GROUP" : "NAMESPACE",
    group: group ?? "",
    job: job ?? "",
    reason: "",
    until: "",
  });
  const change = (part: Partial<ManyForm>): void => setForm((before) => ({ ...before, ...part }));
  const jobs = useLiveQuery(JobNamesQuery, { namespace, search: form.job || undefined }, form.kind !== "JOB");
  const wanted = readMany(form, namespace);
  const [{ fetching }, pause] = useMutation(PauseTriggers);
  const { faults, fault, submit } = useSubmit(
    wanted,
    ["group", "job", "reason", "until"],
    ({ pause: _about, ...rest }) => pause(rest),
  );
  const about = wanted.values?.pause;
  const send = async (): Promise<void> => {
    if ((await submit()) === undefined || about === undefined) return;
    toast.success(`Paused: ${pausedInWords(about)}.`);
    changed();
    close();
  };
  return (
    <Dialog
      title="Pause triggers?"
      note="They fire no more, nor do those that join them later. Runs that they have started go on."
      open
      close={close}
      verb="Pause them"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <SelectField
        label="The triggers"
        value={form.kind}
        onChange={(event) =>
          change({ kind: KINDS.find(({ kind }) => kind === event.target.value)?.kind ?? form.kind })
        }
      >
        {KINDS.filter(({ kind }) => kind !== "EVERYTHING" || seesAll).map(({ kind, word }) => (
          <option key={kind} value={kind}>
            {word}
          </option>
        ))}
      </SelectField>
      {form.kind === "GROUP" && (
        <>
          <TextField
            label="Group"
            list="pause-groups"
            value={form.group}
            fault={faults.group}
            onChange={(event) => change({ group: event.target.value })}
          />
          <datalist id="pause-groups">
            {groups.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
        </>
      )}
      {form.kind === "JOB" && (
        <>
          <TextField
            label="Job"
            list="pause-jobs"
            value={form.job}
            fault={faults.job}
            onChange={(event) => change({ job: event.target.value })}
          />
          <datalist id="pause-jobs">
            {jobs.data?.jobs.nodes.map((each) => (
              <option key={each.id} value={each.name} />
            ))}
          </datalist>
        </>
      )}
      {about !== undefined && <HowMany about={about} />}
      <ReasonFields form={form} faults={faults} change={change} />
    </Dialog>
  );
}

/** How many triggers a pause would stop; those that stand still already are not counted. */
function HowMany({ about }: { about: TriggerPause }) {
  const now = useOpened();
  const { data, error, fetching } = useLiveQuery(ActiveTriggersQuery, {
    namespace: about.namespace,
    group: about.kind === "GROUP" ? about.target : undefined,
    job: about.kind === "JOB" ? about.target : undefined,
    // Both by this clock, which may not be the server's.
    from: new Date(now).toISOString(),
    until: new Date(now + COUNTED_MS).toISOString(),
  });
  if (error !== undefined) return <p className="text-[13px] text-bad">{messageOf(error)}</p>;
  if (data === undefined || fetching)
    return (
      <p role="status" className="text-[13px] text-muted">
        Counting…
      </p>
    );
  const count = data.forecast.triggers + data.triggers.nodes.length;
  const atLeast = data.forecast.more || data.triggers.pageInfo.hasNextPage;
  return (
    <p role="status" className="text-[13px] font-medium">
      {atLeast
        ? `More than ${formatCount(count)} active triggers stop firing.`
        : count === 0
          ? "No active trigger is among them as of now."
          : `${countOf(count, ACTIVE)} ${count === 1 ? "stops" : "stop"} firing.`}
    </p>
  );
}
