/** Pauses, resumes and cancels a backfill. */
import { Ban, Pause, Play } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { CancelBackfill, PauseBackfill, ResumeBackfill } from "../graphql/backfills.ts";
import { messageOf } from "../graphql/client.ts";
import { canCancel, canPause, canResume } from "../model/backfill.ts";
import type { BackfillState } from "../model/state.ts";
import { Button } from "./button.tsx";
import { ReasonDialog } from "./reason-dialog.tsx";
import { useViewer } from "./viewer.tsx";

export type BackfillActionsProps = { backfill: { id: string; state: BackfillState }; changed: () => void };

export function BackfillActions({ backfill: { id, state }, changed }: BackfillActionsProps) {
  const { mayOperate } = useViewer();
  const [asking, setAsking] = useState<"pause" | "cancel">();
  const [pausing, pause] = useMutation(PauseBackfill);
  const [resuming, resume] = useMutation(ResumeBackfill);
  const [cancelling, cancel] = useMutation(CancelBackfill);
  if (!mayOperate) return null;
  const goOn = async (): Promise<void> => {
    const { error } = await resume({ id });
    if (error) toast.error(messageOf(error));
    else toast.success("The backfill goes on.");
    changed();
  };
  const close = (): void => {
    setAsking(undefined);
    changed();
  };
  return (
    <>
      {canResume(state) && (
        <Button disabled={resuming.fetching} onClick={goOn}>
          <Play className="size-4" /> Resume
        </Button>
      )}
      {canPause(state) && (
        <Button onClick={() => setAsking("pause")}>
          <Pause className="size-4" /> Pause
        </Button>
      )}
      {canCancel(state) && (
        <Button onClick={() => setAsking("cancel")}>
          <Ban className="size-3.5" /> Cancel
        </Button>
      )}
      {asking === "pause" && (
        <ReasonDialog
          title="Pause this backfill?"
          note="No further date starts. Runs that it has started go on."
          verb="Pause the backfill"
          done="The backfill is paused."
          busy={pausing.fetching}
          error={pausing.error}
          act={(reason) => pause({ id, reason })}
          close={close}
        />
      )}
      {asking === "cancel" && (
        <ReasonDialog
          title="Cancel this backfill?"
          note="No further date starts, and the runs that it has started are cancelled. It cannot be resumed."
          verb="Cancel the backfill"
          look="danger"
          done="The backfill is cancelled."
          busy={cancelling.fetching}
          error={cancelling.error}
          act={(reason) => cancel({ id, reason })}
          close={close}
        />
      )}
    </>
  );
}
