/** A job's last runs as small squares, oldest on the left. */
import { Link } from "@tanstack/react-router";
import { type HoldKind, type RunState, runFace } from "../model/state.ts";
import { TONE } from "./badge.tsx";
import { StateIcon } from "./icon.tsx";

export type SquareRun = { id: string; state: RunState; holds: readonly { kind: HoldKind }[] };

/** `runs` are newest first, as lists are. */
export function RunSquares({ runs }: { runs: readonly SquareRun[] }) {
  return (
    <ul aria-label="Last runs, newest last" className="flex gap-0.5">
      {[...runs].reverse().map((run) => {
        const face = runFace(run.state, run.holds);
        return (
          <li key={run.id}>
            <Link
              to="/runs/$id"
              params={{ id: run.id }}
              aria-label={`${face.word}: run ${run.id}`}
              title={face.word}
              className={`${TONE[face.tone]} tinted grid size-[18px] place-items-center rounded-[4px] hover:ring-2 hover:ring-(--tone)`}
            >
              <StateIcon icon={face.icon} className="size-3" />
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
