/** What can be done with dead letters: put back into the queue, one with another input or many at a pace, or dropped. */
import { useState } from "react";
import { toast } from "sonner";
import { useClient, useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import {
  type DeadLetter,
  DiscardDeadLetter,
  DiscardDeadLetters,
  RedriveDeadLetter,
  RedriveDeadLetters,
} from "../graphql/dead-letters.ts";
import { readPace, readRedrive } from "../model/forms.ts";
import { type DeadLetterSearch, errorTypeOf } from "../model/search.ts";
import { BulkDialog } from "./bulk-dialog.tsx";
import { Dialog } from "./dialog.tsx";
import { CodeField, TextField } from "./field.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

type One = { letter: DeadLetter; changed: () => void; close: () => void };

export function RedriveDialog({ letter, changed, close }: One) {
  const before = letter.input === null ? "" : JSON.stringify(letter.input, null, 2);
  const [text, setText] = useState(before);
  const reading = readRedrive(before, text);
  const [{ fetching }, redrive] = useMutation(RedriveDeadLetter);
  const { faults, fault, submit } = useSubmit(reading, ["input"], (values) =>
    redrive({ id: letter.id, ...values }),
  );
  const send = async (): Promise<void> => {
    if ((await submit()) === undefined) return;
    toast.success("The run is back in the queue.");
    changed();
    close();
  };
  return (
    <Dialog
      title={`Redrive this run of ${letter.job.name}?`}
      note="It stays the same run and gets all its retries again. What it failed with stays in its history."
      open
      close={close}
      verb="Redrive the run"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <CodeField
        label="Input"
        hint="JSON. Change it, and the run starts with what is here."
        value={text}
        onChange={(event) => setText(event.target.value)}
        fault={reading.faults.input ?? faults.input}
      />
    </Dialog>
  );
}

export function DiscardDialog({ letter, changed, close }: One) {
  const [{ fetching, error }, discard] = useMutation(DiscardDeadLetter);
  const submit = async (): Promise<void> => {
    if ((await discard({ id: letter.id })).error) return;
    toast.success("The dead letter is discarded.");
    changed();
    close();
  };
  return (
    <Dialog
      title={`Discard this run of ${letter.job.name}?`}
      note="It leaves this list. The run stays in the history as long as other runs do, and can be retried until then."
      open
      close={close}
      verb="Discard it"
      look="danger"
      busy={fetching}
      fault={error && messageOf(error)}
      submit={submit}
    />
  );
}

type Many = { search: DeadLetterSearch; changed: () => void; close: () => void };

const WORDS = ["dead letter", "dead letters"] as const;
const whichOf = (search: DeadLetterSearch): string => {
  const [job, type] = [search.job, errorTypeOf(search)];
  if (job === undefined && type === undefined) return "all dead letters of this namespace";
  const of = job === undefined ? "" : ` of ${job}`;
  if (type === undefined) return `the dead letters${of}`;
  return `the dead letters${of} that failed of ${type === "" ? "an error without a type" : type}`;
};

export function RedriveManyDialog({ search, changed, close }: Many) {
  const { namespace } = useViewer();
  const client = useClient();
  const [pace, setPace] = useState("");
  const { values, faults } = readPace(pace);
  return (
    <BulkDialog
      title={`Redrive ${whichOf(search)}?`}
      note="Each stays the same run and gets all its retries again. Mend what they failed of first."
      verb="Redrive"
      words={WORDS}
      outcome="redriven"
      disabled={values === null}
      call={({ dryRun, after, startAt }) =>
        client
          .mutation(RedriveDeadLetters, {
            namespace,
            filter: { job: search.job, errorType: errorTypeOf(search) },
            perSecond: values?.perSecond ?? null,
            startAt,
            dryRun,
            after,
          })
          .toPromise()
      }
      changed={changed}
      close={close}
    >
      <TextField
        label="Runs per second"
        inputMode="decimal"
        placeholder="all at once"
        hint="A pace spares what they failed of: 0.5 is one every two seconds."
        value={pace}
        onChange={(event) => setPace(event.target.value)}
        fault={faults.perSecond}
      />
    </BulkDialog>
  );
}

export function DiscardManyDialog({ search, changed, close }: Many) {
  const { namespace } = useViewer();
  const client = useClient();
  return (
    <BulkDialog
      title={`Discard ${whichOf(search)}?`}
      note="They leave this list. The runs stay in the history as long as others do."
      verb="Discard"
      look="danger"
      words={WORDS}
      outcome="discarded"
      call={({ dryRun, after }) =>
        client
          .mutation(DiscardDeadLetters, {
            namespace,
            filter: { job: search.job, errorType: errorTypeOf(search) },
            dryRun,
            after,
          })
          .toPromise()
      }
      changed={changed}
      close={close}
    />
  );
}
