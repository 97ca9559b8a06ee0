/** Asks for a confirmation and, if its reader likes, a reason that others will see. */
import { useState } from "react";
import { toast } from "sonner";
import type { CombinedError } from "urql";
import { messageOf } from "../graphql/client.ts";
import { Dialog } from "./dialog.tsx";
import { TextField } from "./field.tsx";

export type ReasonDialogProps = {
  title: string;
  note: string;
  /** What the button does, in words. */
  verb: string;
  look?: "primary" | "danger";
  /** Told when it is done. */
  done: string;
  busy: boolean;
  error: CombinedError | undefined;
  /** `reason` is undefined when none was given. */
  act: (reason: string | undefined) => Promise<{ error?: CombinedError | undefined }>;
  close: () => void;
};

export function ReasonDialog({
  title,
  note,
  verb,
  look = "primary",
  done,
  busy,
  error,
  act,
  close,
}: ReasonDialogProps) {
  const [reason, setReason] = useState("");
  const submit = async (): Promise<void> => {
    const result = await act(reason.trim() === "" ? undefined : reason.trim());
    if (result.error) return;
    close();
    toast.success(done);
  };
  return (
    <Dialog
      title={title}
      note={note}
      open
      close={close}
      verb={verb}
      look={look}
      busy={busy}
      fault={error && messageOf(error)}
      submit={submit}
    >
      <TextField
        label="Reason"
        hint="Optional; shown to everyone who wonders why it stands still."
        autoFocus
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
    </Dialog>
  );
}
