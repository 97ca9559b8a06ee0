/** Somebody else was faster: takes in what they changed and keeps what was edited here. */
import { GitMerge } from "lucide-react";
import { Button } from "./button.tsx";

export type ConflictProps = { what: string; takeIn: () => void };

export function Conflict({ what, takeIn }: ConflictProps) {
  return (
    <div
      role="alert"
      className="tone-waiting tinted flex flex-wrap items-center gap-3 rounded-md px-3 py-2 text-[13px]"
    >
      <p className="min-w-0 flex-1 basis-60">
        Somebody changed {what} since you opened this. Take in their change: what you have edited stays as you
        wrote it, the rest becomes theirs.
      </p>
      <Button onClick={takeIn}>
        <GitMerge className="size-4" /> Take it in
      </Button>
    </div>
  );
}
