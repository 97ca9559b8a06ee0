/** Pauses that keep triggers from firing: who, why, until when, and the way to lift each. */
import { Play } from "lucide-react";
import { useState } from "react";
import type { PauseRow } from "../graphql/triggers.ts";
import { pausedInWords, pauseKey, type TriggerPause } from "../model/pauses.ts";
import type { Misfire } from "../model/schedule.ts";
import { Button } from "./button.tsx";
import { StateIcon } from "./icon.tsx";
import { Ago, Ahead } from "./moment.tsx";
import { ResumeDialog } from "./resume-dialog.tsx";
import { useViewer } from "./viewer.tsx";

/** Listed before somebody asks for all. */
const FEW = 4;

export type PauseListProps = {
  label: string;
  pauses: readonly PauseRow[];
  /** How each line begins. */
  said: (pause: TriggerPause) => string;
  /** Of the one trigger that the list is about. */
  misfire?: Misfire | undefined;
  changed: () => void;
};

/** Nothing when there are none. */
export function PauseList({ label, pauses, said, misfire, changed }: PauseListProps) {
  const [all, setAll] = useState(false);
  const [lifting, setLifting] = useState<PauseRow>();
  if (pauses.length === 0) return null;
  const shown = all ? pauses : pauses.slice(0, FEW);
  return (
    <section aria-label={label} className="tone-waiting tinted rounded-lg px-4 py-2">
      <ul className="grid max-h-72 gap-1 overflow-y-auto">
        {shown.map((pause) => (
          <Line key={pauseKey(pause)} pause={pause} said={said(pause)} lift={() => setLifting(pause)} />
        ))}
      </ul>
      {pauses.length > FEW && (
        <button type="button" onClick={() => setAll(!all)} className="mt-1 text-xs font-medium underline">
          {all ? "Show fewer" : `Show all ${pauses.length}`}
        </button>
      )}
      {lifting !== undefined && (
        <ResumeDialog
          pause={lifting}
          misfire={lifting.kind === "TRIGGER" ? misfire : undefined}
          changed={changed}
          close={() => setLifting(undefined)}
        />
      )}
    </section>
  );
}

function Line({ pause, said, lift }: { pause: PauseRow; said: string; lift: () => void }) {
  const { mayOperate, seesAll } = useViewer();
  const mayLift = mayOperate && (seesAll || pause.kind !== "EVERYTHING");
  return (
    <li className="flex min-h-8 items-center gap-2">
      <StateIcon icon="pause" className="size-4" />
      <p className="min-w-0 flex-1 py-1 wrap-anywhere">
        <span className="font-medium">{said}</span>
        {pause.reason !== null && <>: {pause.reason}</>}{" "}
        <span className="text-xs">
          by {pause.by} <Ago at={pause.at} />,{" "}
          {pause.until === null ? (
            "until somebody resumes"
          ) : (
            <>
              ends <Ahead at={pause.until} />
            </>
          )}
        </span>
      </p>
      {mayLift && (
        <Button look="bare" aria-label={`Resume ${pausedInWords(pause)}`} onClick={lift}>
          <Play className="size-4" /> Resume
        </Button>
      )}
    </li>
  );
}
