/** What can be done with a run: cancel it, or try it again. */
import { Ban, RotateCw } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { CancelRun, RetryRun } from "../graphql/runs.ts";
import { canCancel, canRetry, type RunState } from "../model/state.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { TextField } from "./field.tsx";
import { useViewer } from "./viewer.tsx";

type ActedOn = { id: string; state: RunState; cancelRequested: boolean };

export function RunActions({ run }: { run: ActedOn }) {
  const { mayOperate } = useViewer();
  const [cancelling, setCancelling] = useState(false);
  const [{ fetching }, retry] = useMutation(RetryRun);
  if (!mayOperate) return null;
  const tryAgain = async (): Promise<void> => {
    const { error } = await retry({ id: run.id });
    if (error) toast.error(messageOf(error));
    else toast.success("The run tries again.");
  };
  return (
    <>
      {canRetry(run.state) && (
        <Button onClick={tryAgain} disabled={fetching}>
          <RotateCw className="size-3.5" /> Retry
        </Button>
      )}
      {canCancel(run) && (
        <Button onClick={() => setCancelling(true)}>
          <Ban className="size-3.5" /> Cancel
        </Button>
      )}
      {cancelling && <CancelDialog run={run} close={() => setCancelling(false)} />}
    </>
  );
}

function CancelDialog({ run, close }: { run: ActedOn; close: () => void }) {
  const [reason, setReason] = useState("");
  const [{ fetching, error }, cancel] = useMutation(CancelRun);
  const submit = async (): Promise<void> => {
    const result = await cancel({ id: run.id, reason: reason.trim() === "" ? undefined : reason.trim() });
    if (result.error) return;
    close();
    toast.success(
      result.data?.cancelRun.state === "CANCELLED"
        ? "The run is cancelled."
        : "The worker was told to stop the run.",
    );
  };
  return (
    <Dialog
      title="Cancel this run?"
      note={
        run.state === "RUNNING"
          ? "Its worker is told to stop with its next heartbeat. If it does not within the grace time, the run is taken from it."
          : "It has not started and will not. A cancelled run can be retried."
      }
      open
      close={close}
      verb="Cancel the run"
      look="danger"
      busy={fetching}
      fault={error && messageOf(error)}
      submit={submit}
    >
      <TextField
        label="Reason"
        hint="Optional; kept with the run."
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
    </Dialog>
  );
}
