/** Drains an executor, and lets it work again. */
import { Pause, Play } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { DrainExecutor, UndrainExecutor } from "../graphql/executors.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { TextField } from "./field.tsx";
import { useViewer } from "./viewer.tsx";

type ActedOn = { name: string; drainingSince: string | null };

export function ExecutorActions({ executor: { name, drainingSince } }: { executor: ActedOn }) {
  const { namespace, mayOperate } = useViewer();
  const [draining, setDraining] = useState(false);
  const [{ fetching }, undrain] = useMutation(UndrainExecutor);
  if (!mayOperate) return null;
  const goOn = async (): Promise<void> => {
    const { error } = await undrain({ namespace, name });
    if (error) toast.error(messageOf(error));
    else toast.success(`${name} takes runs again.`);
  };
  const look = { look: "bare", icon: true, className: "-my-1" } as const;
  return (
    <>
      {drainingSince === null ? (
        <Button
          {...look}
          aria-label={`Drain ${name}`}
          title="Drain: no new runs"
          onClick={() => setDraining(true)}
        >
          <Pause className="size-4" />
        </Button>
      ) : (
        <Button
          {...look}
          aria-label={`Stop draining ${name}`}
          title="Let it take runs again"
          disabled={fetching}
          onClick={goOn}
        >
          <Play className="size-4" />
        </Button>
      )}
      {draining && <DrainDialog name={name} close={() => setDraining(false)} />}
    </>
  );
}

function DrainDialog({ name, close }: { name: string; close: () => void }) {
  const { namespace } = useViewer();
  const [reason, setReason] = useState("");
  const [{ fetching, error }, drain] = useMutation(DrainExecutor);
  const submit = async (): Promise<void> => {
    const result = await drain({ namespace, name, reason: reason.trim() === "" ? undefined : reason.trim() });
    if (result.error) return;
    close();
    toast.success(`${name} gets no new runs.`);
  };
  return (
    <Dialog
      title={`Drain ${name}?`}
      note="It gets no new runs until someone lifts that, also after a restart. Runs that it holds go on."
      open
      close={close}
      verb="Drain the executor"
      busy={fetching}
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
