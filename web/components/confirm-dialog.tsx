/** Asks once more before something is done that cannot be undone. */
import { toast } from "sonner";
import type { CombinedError } from "urql";
import { messageOf } from "../graphql/client.ts";
import { Dialog, type DialogProps } from "./dialog.tsx";

export type ConfirmDialogProps = Pick<DialogProps, "title" | "note" | "verb" | "look" | "close"> & {
  /** Told when it is done. */
  done: string;
  busy: boolean;
  error: CombinedError | undefined;
  act: () => Promise<{ error?: CombinedError | undefined }>;
  /** What comes after it, such as another page. */
  after?: () => void;
};

export function ConfirmDialog({ done, busy, error, act, after, close, ...rest }: ConfirmDialogProps) {
  const submit = async (): Promise<void> => {
    if ((await act()).error) return;
    toast.success(done);
    close();
    after?.();
  };
  return (
    <Dialog {...rest} open close={close} busy={busy} fault={error && messageOf(error)} submit={submit} />
  );
}
