/** The dialogs that create and replace a calendar; a replacement first shows what it does to triggers. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { useClient, useMutation } from "urql";
import {
  type CalendarContent,
  CalendarContentQuery,
  CreateCalendar,
  type CalendarEffects as Effects,
  UpdateCalendar,
} from "../graphql/calendars.ts";
import { isConflict, messageOf } from "../graphql/client.ts";
import {
  BLANK_CALENDAR,
  CALENDAR_FIELDS,
  type CalendarForm,
  formOfCalendar,
  readCalendar,
  ruleField,
} from "../model/calendar-form.ts";
import { rebased } from "../model/forms.ts";
import { CalendarEffects } from "./calendar-effects.tsx";
import { CalendarFields } from "./calendar-fields.tsx";
import { Conflict } from "./conflict.tsx";
import { Dialog } from "./dialog.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

export type CalendarDialogProps = {
  /** Given: it is replaced; otherwise one is created. */
  calendar?: CalendarContent | undefined;
  close: () => void;
};

export default function CalendarDialog({ calendar, close }: CalendarDialogProps) {
  return calendar === undefined ? <Create close={close} /> : <Edit calendar={calendar} close={close} />;
}

function Create({ close }: { close: () => void }) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<CalendarForm>(BLANK_CALENDAR);
  const [{ fetching }, create] = useMutation(CreateCalendar);
  const { faults, fault, submit } = useSubmit(
    readCalendar(form),
    CALENDAR_FIELDS,
    (values) => create({ input: { namespace, ...values } }),
    ruleField,
  );
  const send = async (): Promise<void> => {
    const data = await submit();
    if (data === undefined) return;
    const { name } = data.createCalendar;
    toast.success(`The calendar ${name} is there.`);
    close();
    navigate({ to: "/calendars/$name", params: { name } });
  };
  return (
    <Dialog
      title="New calendar"
      open
      close={close}
      verb="Create the calendar"
      busy={fetching}
      fault={fault}
      submit={send}
    >
      <CalendarFields
        form={form}
        faults={faults}
        change={(part) => setForm((before) => ({ ...before, ...part }))}
        named={false}
      />
    </Dialog>
  );
}

function Edit({ calendar, close }: { calendar: CalendarContent; close: () => void }) {
  const { namespace } = useViewer();
  const client = useClient();
  const [base, setBase] = useState(calendar);
  const [form, setForm] = useState<CalendarForm>(() => formOfCalendar(calendar));
  const [planned, setPlanned] = useState<Effects>();
  const [conflict, setConflict] = useState(false);
  const [{ fetching }, update] = useMutation(UpdateCalendar);
  const { faults, fault, submit } = useSubmit(
    readCalendar(form),
    CALENDAR_FIELDS,
    async ({ name, ...input }) => {
      const answer = await update({
        namespace,
        name,
        input,
        version: base.version,
        dryRun: planned === undefined,
      });
      setConflict(isConflict(answer.error));
      return answer;
    },
    ruleField,
  );
  const send = async (): Promise<void> => {
    const changed = (await submit())?.updateCalendar;
    if (changed === undefined) return setPlanned(undefined);
    if (planned === undefined) return setPlanned(changed.changes ?? undefined);
    toast.success(`${base.name} is changed.`);
    close();
  };
  const takeIn = async (): Promise<void> => {
    const { data, error } = await client.query(
      CalendarContentQuery,
      { namespace, name: base.name },
      { requestPolicy: "network-only" },
    );
    const now = data?.calendar;
    if (error !== undefined) return void toast.error(messageOf(error));
    if (now == null) return void toast.error(`${base.name} is gone.`);
    setForm((edited) => rebased(edited, formOfCalendar(base), formOfCalendar(now)));
    setBase(now);
    setConflict(false);
  };
  return (
    <Dialog
      title={planned === undefined ? `Edit ${base.name}` : `Replace ${base.name}?`}
      open
      close={close}
      back={planned === undefined ? undefined : () => setPlanned(undefined)}
      verb={planned === undefined ? "Show what changes" : "Confirm the change"}
      busy={fetching}
      fault={conflict ? undefined : fault}
      submit={send}
    >
      {conflict && <Conflict what="this calendar" takeIn={takeIn} />}
      {planned !== undefined ? (
        <CalendarEffects effects={planned} />
      ) : (
        <CalendarFields
          form={form}
          faults={faults}
          change={(part) => setForm((before) => ({ ...before, ...part }))}
          named
        />
      )}
    </Dialog>
  );
}
