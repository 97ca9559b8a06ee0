/** The dialog that creates a job. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { CreateJob } from "../graphql/jobs.ts";
import { type JobForm, readJob } from "../model/forms.ts";
import { Dialog } from "./dialog.tsx";
import { CodeField, TextField } from "./field.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

const FIELDS = ["name", "description", "type", "group", "input", "timeout", "priority", "tags"] as const;

export function CreateJobDialog({ close }: { close: () => void }) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<JobForm>({
    name: "",
    description: "",
    type: "",
    group: "",
    input: "",
    timeout: "",
    priority: "",
    tags: "",
  });
  const reading = readJob(form);
  const [{ fetching }, create] = useMutation(CreateJob);
  const { faults, fault, submit } = useSubmit(reading, FIELDS, (values) =>
    create({ input: { namespace, ...values } }),
  );
  const send = async (): Promise<void> => {
    const data = await submit();
    if (data === undefined) return;
    toast.success(`The job ${data.createJob.name} is there.`);
    close();
    navigate({ to: "/jobs/$name", params: { name: data.createJob.name } });
  };
  const field = (name: keyof JobForm) => ({
    value: form[name],
    fault: faults[name],
    onChange: (event: { target: { value: string } }) =>
      setForm((before) => ({ ...before, [name]: event.target.value })),
  });
  return (
    <Dialog
      title="New job"
      open
      close={close}
      verb="Create the job"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
        <TextField label="Name" hint="Unique in this namespace." autoFocus {...field("name")} />
        <TextField label="Task type" placeholder="http" hint="What a worker is to do." {...field("type")} />
        <TextField label="Worker group" placeholder="default" hint="Where it runs." {...field("group")} />
        <TextField label="Timeout" placeholder="5m" hint="Of one attempt." {...field("timeout")} />
        <TextField label="Priority" placeholder="5" hint="Higher starts first." {...field("priority")} />
        <TextField label="Tags" placeholder="none" hint="Separated by commas." {...field("tags")} />
      </div>
      <TextField label="Description" placeholder="none" {...field("description")} />
      <CodeField
        label="Input"
        placeholder='{ "url": "http://127.0.0.1:4400/healthz" }'
        hint="JSON that every run gets unless it brings its own."
        rows={5}
        {...field("input")}
        fault={reading.faults.input ?? faults.input}
      />
    </Dialog>
  );
}
