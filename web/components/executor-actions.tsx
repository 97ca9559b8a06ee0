/** Drains an executor, and lets it work again. */
import { Pause, Play } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { DrainExecutor, UndrainExecutor } from "../graphql/executors.ts";
import { Button } from "./button.tsx";
import { ReasonDialog } from "./reason-dialog.tsx";
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
  const [{ fetching, error }, drain] = useMutation(DrainExecutor);
  return (
    <ReasonDialog
      title={`Drain ${name}?`}
      note="It gets no new runs until someone lifts that, also after a restart. Runs that it holds go on."
      verb="Drain the executor"
      done={`${name} gets no new runs.`}
      busy={fetching}
      error={error}
      act={(reason) => drain({ namespace, name, reason })}
      close={close}
    />
  );
}
