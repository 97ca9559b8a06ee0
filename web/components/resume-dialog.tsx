/** Lifts a pause of triggers, and asks what becomes of the times that passed meanwhile. */
import { useState } from "react";
import { toast } from "sonner";
import { useMutation } from "urql";
import { messageOf } from "../graphql/client.ts";
import { ResumeTrigger, ResumeTriggers } from "../graphql/trigger-pauses.ts";
import { pausedInWords, scopeOf, type TriggerPause } from "../model/pauses.ts";
import { MISFIRE_POLICIES, type Misfire, type MisfirePolicy, misfireInWords } from "../model/schedule.ts";
import { countOf } from "../model/time.ts";
import { Dialog } from "./dialog.tsx";
import { useViewer } from "./viewer.tsx";

const TRIGGERS = ["trigger", "triggers"] as const;

export type ResumeDialogProps = {
  /** What is lifted. */
  pause: TriggerPause;
  /** The trigger's own policy, where it is one. */
  misfire?: Misfire | undefined;
  changed: () => void;
  close: () => void;
};

export function ResumeDialog({ pause, misfire, changed, close }: ResumeDialogProps) {
  const { namespace } = useViewer();
  const [missed, setMissed] = useState<MisfirePolicy>();
  const [one, resumeOne] = useMutation(ResumeTrigger);
  const [many, resumeMany] = useMutation(ResumeTriggers);
  const scope = scopeOf(pause);
  const error = scope === null ? one.error : many.error;
  const submit = async (): Promise<void> => {
    if (scope === null) {
      const answer = await resumeOne({ namespace: pause.namespace ?? namespace, name: pause.target, missed });
      if (answer.error) return;
      // Something wider may still keep it.
      if (answer.data?.resumeTrigger.state === "PAUSED")
        toast.success("Its own pause is lifted; another one keeps it.");
      else toast.success(`${pause.target} fires again.`);
    } else {
      const answer = await resumeMany({ scope, missed });
      if (answer.error) return;
      const count = answer.data?.resumeTriggers ?? 0;
      toast.success(`${countOf(count, TRIGGERS)} ${count === 1 ? "fires" : "fire"} again.`);
    }
    changed();
    close();
  };
  const policy = pause.kind === "TRIGGER" ? "as its policy says" : "as each one's policy says";
  const own = misfire === undefined ? policy : `${policy}: ${misfireInWords(misfire)}`;
  return (
    <Dialog
      title={`Resume ${pausedInWords(pause)}?`}
      note="Times that passed during the pause count as missed. Those that are not made up for stay in the ledger as paused."
      open
      close={close}
      verb="Resume"
      busy={one.fetching || many.fetching}
      fault={error && messageOf(error)}
      submit={submit}
    >
      <fieldset className="grid gap-2 text-[13px]">
        <legend className="mb-1 font-medium">Of the times that passed meanwhile</legend>
        {[{ policy: undefined, word: own }, ...MISFIRE_POLICIES].map(({ policy, word }) => (
          <label key={policy ?? "own"} className="flex items-baseline gap-2">
            <input
              type="radio"
              name="missed"
              checked={missed === policy}
              onChange={() => setMissed(policy)}
              className="translate-y-0.5 accent-accent"
            />
            {word}
          </label>
        ))}
      </fieldset>
    </Dialog>
  );
}
