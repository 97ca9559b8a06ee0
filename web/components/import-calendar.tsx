/** Makes a calendar of an iCalendar file: chosen or pasted, looked at first, then taken. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { ImportCalendar, type Imported } from "../graphql/calendars.ts";
import { ruleInWords } from "../model/calendar.ts";
import { type Faults, type Reading, reading } from "../model/forms.ts";
import { CalendarEffects } from "./calendar-effects.tsx";
import { useOpened } from "./clock.ts";
import { Dialog } from "./dialog.tsx";
import { CodeField, TextField } from "./field.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";
import { ZoneField } from "./zone-field.tsx";

const FIELDS = ["name", "ics", "timeZone"] as const;
type Form = Record<(typeof FIELDS)[number], string>;

function readImport({
  name,
  ics,
  timeZone,
}: Form): Reading<{ name: string; ics: string; timeZone: string | null }> {
  const faults: Faults = {};
  if (name.trim() === "") faults.name = "Name the calendar; one that is there is replaced.";
  if (ics.trim() === "") faults.ics = "Choose a file, or paste its text.";
  return reading({ name: name.trim(), ics, timeZone: timeZone.trim() || null }, faults);
}

export type ImportDialogProps = {
  /** What it replaces. */
  name?: string | undefined;
  close: () => void;
};

export default function ImportDialog({ name, close }: ImportDialogProps) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<Form>({ name: name ?? "", ics: "", timeZone: "" });
  const change = (part: Partial<Form>): void => setForm((before) => ({ ...before, ...part }));
  const [planned, setPlanned] = useState<Imported>();
  const [{ fetching }, take] = useMutation(ImportCalendar);
  const { faults, fault, submit } = useSubmit(readImport(form), FIELDS, (values) =>
    take({ input: { namespace, ...values }, dryRun: planned === undefined }),
  );
  const send = async (): Promise<void> => {
    const read = (await submit())?.importCalendar;
    if (read === undefined) return setPlanned(undefined);
    if (planned === undefined) return setPlanned(read);
    toast.success(`The calendar ${read.name} is imported.`);
    close();
    navigate({ to: "/calendars/$name", params: { name: read.name } });
  };
  const choose = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    const ics = await file.text();
    // Names take no blanks; the file's own is a good beginning.
    const called = file.name.replace(/\.[^.]*$/, "").replaceAll(/[^\w.:@/-]+/g, "-");
    setForm((before) => ({ ...before, ics, name: before.name || called }));
  };
  return (
    <Dialog
      title={planned === undefined ? "Import a calendar" : `Import ${form.name.trim()}?`}
      note={
        planned === undefined ? "Whole days become holidays, events with times become periods." : undefined
      }
      open
      close={close}
      back={planned === undefined ? undefined : () => setPlanned(undefined)}
      verb={planned === undefined ? "Read the file" : "Import it"}
      busy={fetching}
      fault={fault}
      submit={send}
    >
      {planned !== undefined ? (
        <WhatIsRead imported={planned} />
      ) : (
        <>
          <label className="grid gap-1 text-[13px] font-medium">
            File
            <input
              type="file"
              accept=".ics,text/calendar"
              onChange={(event) => choose(event.target.files?.[0])}
              className="text-[13px] font-normal file:mr-3 file:h-8 file:rounded-md file:border file:border-line file:bg-panel file:px-3 file:font-medium file:text-ink"
            />
          </label>
          <CodeField
            label="Or its text"
            placeholder="BEGIN:VCALENDAR…"
            rows={6}
            value={form.ics}
            fault={faults.ics}
            onChange={(event) => change({ ics: event.target.value })}
          />
          <div className="grid gap-x-3 gap-y-2 sm:grid-cols-2">
            <TextField
              label="Name"
              readOnly={name !== undefined}
              hint="One that is there is replaced."
              value={form.name}
              fault={faults.name}
              onChange={(event) => change({ name: event.target.value })}
            />
            <ZoneField
              label="Time zone"
              placeholder="the file's own"
              hint="Whose days they are. Blank: the file's, else the schedule's."
              value={form.timeZone}
              fault={faults.timeZone}
              onChange={(event) => change({ timeZone: event.target.value })}
            />
          </div>
        </>
      )}
    </Dialog>
  );
}

function WhatIsRead({ imported }: { imported: Imported }) {
  const now = useOpened();
  const { rule, base, timeZone, skipped, changes } = imported;
  return (
    <>
      <div className="text-[13px]">
        <p className="font-medium">{ruleInWords(rule, now)}</p>
        <p className="text-muted">
          {timeZone === null ? "On the clock of each trigger's schedule" : `On the clock of ${timeZone}`}
          {base !== null && `, with ${base.name} as its base`}.
        </p>
      </div>
      {skipped.length > 0 && (
        <section aria-label="Left out" className="text-[13px]">
          <p className="font-medium">Left out of the file:</p>
          <ul className="mt-1 grid max-h-48 gap-0.5 overflow-y-auto text-muted">
            {[...new Set(skipped)].map((each) => (
              <li key={each} className="wrap-anywhere">
                {each}
              </li>
            ))}
          </ul>
        </section>
      )}
      {changes !== null && <CalendarEffects effects={changes} />}
    </>
  );
}
