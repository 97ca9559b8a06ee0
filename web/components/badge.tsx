/** A state as icon and word on a tint. */
import type { Face, Tone } from "../model/state.ts";
import { StateIcon } from "./icon.tsx";

/** Tailwind reads class names from source text, so each is spelled out. */
export const TONE: Record<Tone, string> = {
  waiting: "tone-waiting",
  ready: "tone-ready",
  running: "tone-running",
  good: "tone-good",
  bad: "tone-bad",
  quiet: "tone-quiet",
};

export function Badge({ face, title }: { face: Face; title?: string | undefined }) {
  return (
    <span
      className={`${TONE[face.tone]} tinted inline-flex items-center gap-1.5 rounded-full py-0.5 pr-2.5 pl-1.5 text-xs font-medium whitespace-nowrap`}
      title={title}
    >
      <StateIcon icon={face.icon} />
      {face.word}
    </span>
  );
}

/** A tag, group or type: plain text in a frame. */
export function Chip({ children }: { children: string }) {
  return (
    <span className="inline-block max-w-48 truncate rounded border border-line bg-sunken px-1.5 py-px align-middle font-mono text-[11px] text-muted">
      {children}
    </span>
  );
}
