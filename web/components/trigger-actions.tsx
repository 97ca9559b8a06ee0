/** Pauses and resumes a trigger. */
import { Pause, Play } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { PauseTrigger, ResumeTrigger } from "../graphql/triggers.ts";
import type { TriggerState } from "../model/state.ts";
import { Button } from "./button.tsx";
import { ReasonDialog } from "./reason-dialog.tsx";
import { useViewer } from "./viewer.tsx";

export type TriggerActionsProps = { trigger: { name: string; state: TriggerState }; compact?: boolean };

/** `compact`: pictures only, for a list. */
export function TriggerActions({ trigger, compact = false }: TriggerActionsProps) {
  const { namespace, mayOperate } = useViewer();
  const [pausing, setPausing] = useState(false);
  const [{ fetching }, resume] = useMutation(ResumeTrigger);
  if (!mayOperate || trigger.state === "COMPLETE") return null;
  const goOn = async (): Promise<void> => {
    const { error } = await resume({ namespace, name: trigger.name });
    if (error) toast.error(messageOf(error));
    else toast.success(`${trigger.name} fires again.`);
  };
  const paused = trigger.state === "PAUSED" || trigger.state === "ERROR";
  const look = compact ? ({ look: "bare", icon: true, className: "-my-1" } as const) : {};
  return (
    <>
      {paused ? (
        <Button
          {...look}
          aria-label={`Resume ${trigger.name}`}
          title="Resume"
          disabled={fetching}
          onClick={goOn}
        >
          <Play className="size-4" /> {!compact && "Resume"}
        </Button>
      ) : (
        <Button {...look} aria-label={`Pause ${trigger.name}`} title="Pause" onClick={() => setPausing(true)}>
          <Pause className="size-4" /> {!compact && "Pause"}
        </Button>
      )}
      {pausing && <PauseDialog name={trigger.name} close={() => setPausing(false)} />}
    </>
  );
}

function PauseDialog({ name, close }: { name: string; close: () => void }) {
  const { namespace } = useViewer();
  const [{ fetching, error }, pause] = useMutation(PauseTrigger);
  return (
    <ReasonDialog
      title={`Pause ${name}?`}
      note="It fires no more until someone resumes it. Runs that it has started go on."
      verb="Pause the trigger"
      done={`${name} is paused.`}
      busy={fetching}
      error={error}
      act={(reason) => pause({ namespace, name, reason })}
      close={close}
    />
  );
}
