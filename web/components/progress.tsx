/** How far a run is, by its own word. */

/** `value` from 0 to 1. */
export function ProgressBar({ value, message }: { value: number; message?: string | null }) {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div className="flex items-center gap-2 text-xs">
      <div
        role="progressbar"
        aria-label={message ?? "Progress"}
        aria-valuenow={percent}
        aria-valuemin={0}
        aria-valuemax={100}
        className="tone-running h-1.5 min-w-16 flex-1 overflow-hidden rounded-full bg-line"
      >
        <div
          className="filled h-full rounded-full transition-[width] duration-500"
          style={{ width: `${percent}%` }}
        />
      </div>
      <span className="text-muted tabular-nums">{percent} %</span>
    </div>
  );
}
