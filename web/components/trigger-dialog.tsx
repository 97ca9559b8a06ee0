/** The dialogs that create and change a trigger: one form, and for a change a look at what it does before it is done. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { useClient, useMutation } from "urql";
import { isConflict, messageOf } from "../graphql/client.ts";
import { CreateTrigger, UpdateTrigger } from "../graphql/trigger-changes.ts";
import { type TriggerContent, TriggerContentQuery } from "../graphql/triggers.ts";
import type { FireChanges } from "../model/changes.ts";
import { type Reading, reading, rebased } from "../model/forms.ts";
import { zoneOf } from "../model/schedule-form.ts";
import {
  BLANK_TRIGGER,
  formOfTrigger,
  patchOf,
  readPreview,
  readTrigger,
  TRIGGER_FIELDS,
  type TriggerForm,
  type TriggerPatch,
} from "../model/trigger-form.ts";
import { Conflict } from "./conflict.tsx";
import { Dialog } from "./dialog.tsx";
import { FireChangesView } from "./fire-changes.tsx";
import { TriggerFields } from "./trigger-fields.tsx";
import { TriggerPreview } from "./trigger-preview.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

export type TriggerDialogProps = {
  /** Given: it is changed; otherwise one is created. */
  trigger?: TriggerContent | undefined;
  /** Whose trigger it will be; otherwise it is asked for. */
  job?: string | undefined;
  close: () => void;
};

export default function TriggerDialog({ trigger, job, close }: TriggerDialogProps) {
  return trigger === undefined ? (
    <Create job={job} close={close} />
  ) : (
    <Edit trigger={trigger} close={close} />
  );
}

function Create({ job, close }: { job: string | undefined; close: () => void }) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<TriggerForm>({ ...BLANK_TRIGGER, job: job ?? "" });
  const [{ fetching }, create] = useMutation(CreateTrigger);
  const { faults, fault, submit } = useSubmit(readTrigger(form), TRIGGER_FIELDS, (values) =>
    create({ input: { namespace, ...values } }),
  );
  const send = async (): Promise<void> => {
    const data = await submit();
    if (data === undefined) return;
    toast.success(`The trigger ${data.createTrigger.name} is set.`);
    close();
    navigate({ to: "/triggers/$name", params: { name: data.createTrigger.name } });
  };
  return (
    <Dialog
      title="New trigger"
      open
      wide
      close={close}
      verb="Create the trigger"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <div className="grid gap-4 md:grid-cols-[minmax(0,1fr)_18rem]">
        <TriggerFields
          form={form}
          faults={faults}
          change={(part) => setForm((before) => ({ ...before, ...part }))}
          named={false}
          ofJob={job !== undefined}
        />
        <TriggerPreview asked={readPreview(form, namespace)} />
      </div>
    </Dialog>
  );
}

type Planned = { changes: FireChanges; timeZone: string | undefined };

function Edit({ trigger, close }: { trigger: TriggerContent; close: () => void }) {
  const { namespace } = useViewer();
  const client = useClient();
  // Later events change the page, but not what is being edited: the version says whether that is out of date.
  const [base, setBase] = useState(trigger);
  const [form, setForm] = useState<TriggerForm>(() => formOfTrigger(trigger));
  const [planned, setPlanned] = useState<Planned>();
  const [conflict, setConflict] = useState(false);
  const [{ fetching }, update] = useMutation(UpdateTrigger);
  const patch = readPatch(base, form);
  const { faults, fault, submit } = useSubmit(patch, TRIGGER_FIELDS, async (input) => {
    const { name, version } = base;
    const answer = await update({ namespace, name, input, version, dryRun: planned === undefined });
    setConflict(isConflict(answer.error));
    return answer;
  });
  const idle = patch.values !== null && Object.keys(patch.values).length === 0;
  const send = async (): Promise<void> => {
    const changed = (await submit())?.updateTrigger;
    // What the form is at fault for is seen in the form.
    if (changed === undefined) return setPlanned(undefined);
    const { changes, schedule } = changed;
    if (planned === undefined)
      return setPlanned(changes === null ? undefined : { changes, timeZone: zoneOf(schedule) });
    toast.success(`${base.name} is changed.`);
    close();
  };
  const takeIn = async (): Promise<void> => {
    const { data, error } = await client.query(
      TriggerContentQuery,
      { namespace, name: base.name },
      { requestPolicy: "network-only" },
    );
    const now = data?.trigger;
    if (error !== undefined) return void toast.error(messageOf(error));
    if (now == null) return void toast.error(`${base.name} is gone.`);
    setForm((edited) => rebased(edited, formOfTrigger(base), formOfTrigger(now)));
    setBase(now);
    setConflict(false);
  };
  return (
    <Dialog
      title={planned === undefined ? `Edit ${base.name}` : `Change ${base.name}?`}
      open
      wide
      close={close}
      back={planned === undefined ? undefined : () => setPlanned(undefined)}
      verb={planned === undefined ? "Show what changes" : "Confirm the change"}
      busy={fetching}
      disabled={idle}
      fault={conflict ? undefined : fault}
      submit={send}
    >
      {conflict && <Conflict what="this trigger" takeIn={takeIn} />}
      {planned !== undefined ? (
        <FireChangesView changes={planned.changes} timeZone={planned.timeZone} />
      ) : (
        <div className="grid gap-4 md:grid-cols-[minmax(0,1fr)_18rem]">
          <TriggerFields
            form={form}
            faults={faults}
            change={(part) => setForm((before) => ({ ...before, ...part }))}
            named
            ofJob={false}
          />
          <TriggerPreview asked={readPreview(form, namespace)} />
        </div>
      )}
    </Dialog>
  );
}

/** What the form changes of the trigger. */
function readPatch(base: TriggerContent, form: TriggerForm): Reading<TriggerPatch> {
  const { values, faults } = readTrigger(form);
  if (values === null) return { values, faults };
  return reading(patchOf(readTrigger(formOfTrigger(base)).values ?? {}, values), {});
}
