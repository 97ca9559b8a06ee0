/** The dialog that starts a backfill: what is asked for, then the dates that it would run, then the start. */
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { CreateBackfill, type PlannedBackfill } from "../graphql/backfills.ts";
import { BACKFILL_FIELDS, type BackfillForm, BLANK_BACKFILL, readBackfill } from "../model/backfill.ts";
import { backfillDateFace } from "../model/state.ts";
import { clockTime, countOf, formatCount } from "../model/time.ts";
import { BackfillFields } from "./backfill-fields.tsx";
import { Badge } from "./badge.tsx";
import { useOpened } from "./clock.ts";
import { Dialog } from "./dialog.tsx";
import { useSubmit } from "./use-submit.ts";
import { useViewer } from "./viewer.tsx";

const DATES = ["date", "dates"] as const;

export type BackfillDialogProps = {
  /** Given on a trigger's or a job's page; otherwise it is asked for. */
  trigger?: string | undefined;
  job?: string | undefined;
  close: () => void;
};

export default function BackfillDialog({ trigger, job, close }: BackfillDialogProps) {
  const { namespace } = useViewer();
  const navigate = useNavigate();
  const [form, setForm] = useState<BackfillForm>({
    ...BLANK_BACKFILL,
    of: job === undefined ? "trigger" : "job",
    trigger: trigger ?? "",
    job: job ?? "",
  });
  const [planned, setPlanned] = useState<PlannedBackfill>();
  const [{ fetching }, create] = useMutation(CreateBackfill);
  const { faults, fault, submit } = useSubmit(readBackfill(form), BACKFILL_FIELDS, (values) =>
    create({ input: { namespace, ...values }, dryRun: planned === undefined }),
  );
  const send = async (): Promise<void> => {
    const made = (await submit())?.createBackfill;
    if (made === undefined) return setPlanned(undefined);
    if (planned === undefined) return setPlanned(made);
    toast.success(`A backfill of ${countOf(made.progress.total, DATES)} is started.`);
    close();
    navigate({ to: "/backfills/$id", params: { id: made.id } });
  };
  return (
    <Dialog
      title={titleOf(planned, trigger ?? job)}
      note={planned === undefined ? "Runs a job once for each of a set of past times." : undefined}
      open
      close={close}
      back={planned === undefined ? undefined : () => setPlanned(undefined)}
      verb={planned === undefined ? "Show the dates" : "Start the backfill"}
      busy={fetching}
      disabled={planned?.progress.pending === 0}
      fault={fault}
      submit={send}
    >
      {planned !== undefined ? (
        <Plan planned={planned} form={form} />
      ) : (
        <BackfillFields
          form={form}
          faults={faults}
          change={(part) => setForm((before) => ({ ...before, ...part }))}
          fixed={trigger !== undefined || job !== undefined}
        />
      )}
    </Dialog>
  );
}

function titleOf(planned: PlannedBackfill | undefined, of: string | undefined): string {
  if (planned !== undefined) return `Start ${countOf(planned.progress.pending, ["run", "runs"])}?`;
  return of === undefined ? "New backfill" : `Backfill ${of}`;
}

function Plan({ planned: { progress, dates }, form }: { planned: PlannedBackfill; form: BackfillForm }) {
  const now = useOpened();
  const { total, kept, pending } = progress;
  const atOnce = form.maxParallel === "1" ? "one after the other" : `${form.maxParallel} at once`;
  const left = total - dates.nodes.length;
  return (
    <div className="grid gap-3 text-[13px]">
      <div>
        <p role="status" className="font-medium">
          {countOf(total, DATES)}:{" "}
          {kept === 0 ? "each gets a run" : `${formatCount(pending)} ${pending === 1 ? "gets" : "get"} a run`}
          , {atOnce}
          {form.order === "DESCENDING" && ", the last first"}.
        </p>
        {kept > 0 && (
          <p className="text-muted">
            {formatCount(kept)} had a run already and {kept === 1 ? "keeps" : "keep"} it.
          </p>
        )}
      </div>
      <ol
        aria-label="Dates, in the order in which they start"
        className="max-h-72 divide-y divide-line overflow-y-auto rounded-md border border-line"
      >
        {dates.nodes.map(({ scheduledAt, state }) => (
          <li key={scheduledAt} className="flex items-center justify-between gap-3 px-3 py-1 tabular-nums">
            {clockTime(scheduledAt, now)}
            {state === "KEPT" && <Badge face={backfillDateFace(state)} />}
          </li>
        ))}
        {left > 0 && <li className="px-3 py-1.5 text-muted">and {formatCount(left)} more</li>}
      </ol>
    </div>
  );
}
