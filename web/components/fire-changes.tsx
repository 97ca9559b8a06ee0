/** What a change does to fires: in sentences, and each of them in a list. */
import { useState } from "react";
import {
  type ChangeRow,
  changeRows,
  changesInWords,
  changesNothing,
  comparedInWords,
  type FireChanges,
} from "../model/changes.ts";
import { formatCount } from "../model/time.ts";
import { readersZone } from "../model/wall-clock.ts";

/** Rows drawn before somebody asks for more. */
const ROWS = 20;
const MORE = 200;

const LOOKS: Record<ChangeRow["kind"], { word: string; tone: string }> = {
  moved: { word: "Moved", tone: "tone-running" },
  added: { word: "New", tone: "tone-good" },
  removed: { word: "Gone", tone: "tone-bad" },
};

export type FireChangesViewProps = {
  changes: FireChanges;
  /** Whose clock the times are told by; undefined: the reader's. */
  timeZone: string | undefined;
};

export function FireChangesView({ changes, timeZone }: FireChangesViewProps) {
  const [shown, setShown] = useState(ROWS);
  const rows = changesNothing(changes) ? [] : changeRows(changes, timeZone);
  return (
    <div className="grid gap-3 text-[13px]">
      <div>
        <p className="text-xs text-muted">
          Of {comparedInWords(changes)}, by the clock of {timeZone ?? readersZone()}:
        </p>
        <ul className="mt-1 grid gap-0.5">
          {changesInWords(changes, timeZone).map((sentence) => (
            <li key={sentence} className="font-medium">
              {sentence}
            </li>
          ))}
        </ul>
      </div>
      {rows.length > 0 && (
        <div className="max-h-72 overflow-y-auto rounded-md border border-line">
          <table aria-label="Fires that change" className="w-full border-collapse tabular-nums">
            <thead className="sr-only">
              <tr>
                <th scope="col">Change</th>
                <th scope="col">Before</th>
                <th scope="col">After</th>
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {rows.slice(0, shown).map((row) => (
                <tr key={`${row.kind} ${row.at}`} className="align-top">
                  <td className="py-1 pl-3">
                    <span className={`${LOOKS[row.kind].tone} toned text-xs font-medium`}>
                      {LOOKS[row.kind].word}
                    </span>
                  </td>
                  <td className={`px-3 py-1 ${row.kind === "removed" ? "line-through" : "text-muted"}`}>
                    {row.before ?? "–"}
                  </td>
                  <td className="py-1 pr-3">{row.after ?? "–"}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {rows.length > shown && (
            <button
              type="button"
              onClick={() => setShown(shown + MORE)}
              className="w-full border-t border-line py-1.5 text-xs text-accent hover:underline"
            >
              {formatCount(rows.length - shown)} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}
