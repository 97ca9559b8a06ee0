/** The dialog that starts a run. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { JobNamesQuery } from "../graphql/jobs.ts";
import { useLiveQuery } from "../graphql/live.ts";
import { StartRun } from "../graphql/runs.ts";
import { readStartRun, type StartRunForm } from "../model/forms.ts";
import type { Json } from "../model/json.ts";
import { Dialog } from "./dialog.tsx";
import { CodeField, TextField } from "./field.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

const FIELDS = ["job", "input", "priority", "delay", "tags", "idempotencyKey"] as const;

export type StartRunDialogProps = {
  /** Given on a job's page; otherwise it is asked for. */
  job?: string | undefined;
  /** What to begin with: the job's input, or that of a run to start again. */
  input?: Json;
  close: () => void;
};

export function StartRunDialog({ job, input = null, close }: StartRunDialogProps) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<StartRunForm>({
    job: job ?? "",
    input: input === null ? "" : JSON.stringify(input, null, 2),
    priority: "",
    delay: "",
    tags: "",
    idempotencyKey: "",
  });
  const set = (part: Partial<StartRunForm>): void => setForm((before) => ({ ...before, ...part }));
  const names = useLiveQuery(JobNamesQuery, { namespace, search: form.job || undefined }, job !== undefined);
  const reading = readStartRun(form);
  const [{ fetching }, start] = useMutation(StartRun);
  const { faults, fault, submit } = useSubmit(reading, FIELDS, (values) =>
    start({ input: { namespace, ...values } }),
  );
  const send = async (): Promise<void> => {
    const data = await submit();
    if (data === undefined) return;
    toast.success(`A run of ${form.job} is started.`);
    close();
    navigate({ to: "/runs/$id", params: { id: data.startRun.id } });
  };
  return (
    <Dialog
      title={job === undefined ? "Start a run" : `Start a run of ${job}`}
      open
      close={close}
      verb="Start the run"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      {job === undefined && (
        <>
          <TextField
            label="Job"
            list="job-names"
            autoFocus
            value={form.job}
            onChange={(event) => set({ job: event.target.value })}
            fault={faults.job}
          />
          <datalist id="job-names">
            {names.data?.jobs.nodes.map((each) => (
              <option key={each.id} value={each.name}>
                {each.type}
              </option>
            ))}
          </datalist>
        </>
      )}
      <CodeField
        label="Input"
        placeholder='{ "key": "value" }'
        hint="JSON. Blank: the job's own input."
        value={form.input}
        onChange={(event) => set({ input: event.target.value })}
        fault={reading.faults.input ?? faults.input}
      />
      <div className="grid grid-cols-2 gap-x-3 gap-y-2">
        <TextField
          label="Priority"
          inputMode="numeric"
          placeholder="the job's"
          hint="Higher starts first."
          value={form.priority}
          onChange={(event) => set({ priority: event.target.value })}
          fault={faults.priority}
        />
        <TextField
          label="Delay"
          placeholder="none"
          hint="Such as 30s, 5m or 2h."
          value={form.delay}
          onChange={(event) => set({ delay: event.target.value })}
          fault={faults.delay}
        />
        <TextField
          label="Tags"
          placeholder="none"
          hint="Separated by commas."
          value={form.tags}
          onChange={(event) => set({ tags: event.target.value })}
          fault={faults.tags}
        />
        <TextField
          label="Idempotency key"
          placeholder="none"
          hint="The same key starts one run only."
          value={form.idempotencyKey}
          onChange={(event) => set({ idempotencyKey: event.target.value })}
          fault={faults.idempotencyKey}
        />
      </div>
    </Dialog>
  );
}
