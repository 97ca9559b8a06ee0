/** What can be done with a run: cancel it, try it again, or start another like it. */
import { Ban, Play, RotateCw } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { CancelRun, RetryRun } from "../graphql/runs.ts";
import type { Json } from "../model/json.ts";
import { canCancel, canRetry, hasEnded, type RunState } from "../model/state.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { TextField } from "./field.tsx";
import { StartRunDialog } from "./start-run.tsx";
import { useViewer } from "./viewer.tsx";

type ActedOn = {
  id: string;
  state: RunState;
  cancelRequested: boolean;
  job: { name: string };
  input: Json;
};

export function RunActions({ run }: { run: ActedOn }) {
  const { mayOperate } = useViewer();
  const [cancelling, setCancelling] = useState(false);
  const [repeating, setRepeating] = useState(false);
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
      {hasEnded(run.state) && (
        <Button onClick={() => setRepeating(true)}>
          <Play className="size-3.5" /> Start another
        </Button>
      )}
      {repeating && <StartRunDialog job={run.job.name} input={run.input} close={() => setRepeating(false)} />}
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
