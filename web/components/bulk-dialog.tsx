/** A change of many runs: how many, what is asked besides, and how far it is. */
import type { ReactNode } from "react";
import { toast } from "sonner";
import { type BulkCall, useBulk } from "../graphql/bulk.ts";
import { countOf, formatCount } from "../model/time.ts";
import { Dialog } from "./dialog.tsx";
import { ProgressBar } from "./progress.tsx";

export type BulkDialogProps = {
  title: string;
  note: ReactNode;
  verb: string;
  look?: "primary" | "danger";
  /** One and many of them: `run`, `runs`. */
  words: readonly [one: string, many: string];
  /** What the message at the end says after the count: `redriven`. */
  outcome: string;
  call: BulkCall;
  disabled?: boolean;
  children?: ReactNode;
  changed?: () => void;
  close: () => void;
};

export function BulkDialog(props: BulkDialogProps) {
  const { count, done, fault, run } = useBulk(props.call);
  const busy = done !== undefined && fault === undefined;
  const submit = async (): Promise<void> => {
    const changed = await run();
    if (changed === undefined) return;
    toast.success(`${countOf(changed, props.words)} ${props.outcome}.`);
    props.changed?.();
    props.close();
  };
  return (
    <Dialog
      title={props.title}
      note={props.note}
      open
      close={props.close}
      verb={count === undefined ? props.verb : `${props.verb} ${formatCount(count)}`}
      look={props.look ?? "primary"}
      busy={busy}
      disabled={(props.disabled ?? false) || count === undefined || count === 0}
      fault={fault}
      submit={submit}
    >
      <p role="status" className="text-[13px] font-medium">
        {count === undefined ? "Counting…" : `${countOf(count, props.words)} as of now.`}
      </p>
      {props.children}
      {busy && count !== undefined && <ProgressBar value={count === 0 ? 1 : Math.min(1, done / count)} />}
    </Dialog>
  );
}
