/** The pictures that model/state.ts names. */
import {
  Ban,
  CircleCheck,
  CircleDashed,
  CirclePause,
  CircleX,
  Clock,
  LoaderCircle,
  type LucideIcon,
  RotateCw,
  SkipForward,
  TimerOff,
  Undo2,
  Unplug,
} from "lucide-react";
import type { Icon } from "../model/state.ts";

const PICTURES: Record<Icon, LucideIcon> = {
  clock: Clock,
  retry: RotateCw,
  queued: CircleDashed,
  spinner: LoaderCircle,
  check: CircleCheck,
  cross: CircleX,
  ban: Ban,
  skip: SkipForward,
  pause: CirclePause,
  plug: Unplug,
  timeout: TimerOff,
  back: Undo2,
};

/** Decoration beside a word: hidden from screen readers. */
export function StateIcon({ icon, className = "size-3.5" }: { icon: Icon; className?: string }) {
  const Picture = PICTURES[icon];
  const motion = icon === "spinner" ? "motion-safe:animate-spin [animation-duration:1.6s]" : "";
  return <Picture aria-hidden className={`shrink-0 ${motion} ${className}`} strokeWidth={2.2} />;
}
