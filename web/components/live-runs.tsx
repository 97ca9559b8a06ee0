/** A runs table that changes under the reader's eyes, but not under the pointer. */
import { ArrowUp } from "lucide-react";
import type { RunList } from "../graphql/run-list.ts";
import { formatCount } from "../model/time.ts";
import { RunTable } from "./run-table.tsx";

export type LiveRunsProps = { label: string; list: RunList; oneJob?: boolean };

/** While the pointer or the keyboard is among the rows they keep their places, and new runs are counted instead. */
export function LiveRuns({ label, list, oneJob = false }: LiveRunsProps) {
  return (
    <section
      aria-label={label}
      onPointerEnter={(event) => list.setHeld(event.pointerType === "mouse")}
      onPointerLeave={() => list.setHeld(false)}
      onFocus={() => list.setHeld(true)}
      onBlur={() => list.setHeld(false)}
      className={list.fetching ? "opacity-60 transition-opacity" : ""}
    >
      {list.fresh > 0 && (
        <button
          type="button"
          onClick={list.showFresh}
          className="sticky top-0 z-10 flex w-full items-center justify-center gap-1.5 border-b border-line bg-[color-mix(in_oklab,var(--accent)_12%,var(--panel))] py-1.5 text-xs font-medium text-accent"
        >
          <ArrowUp aria-hidden className="size-3.5" />
          {formatCount(list.fresh)} new {list.fresh === 1 ? "run" : "runs"}
        </button>
      )}
      <RunTable label={label} rows={list.rows} arrived={list.arrived} oneJob={oneJob} />
    </section>
  );
}
