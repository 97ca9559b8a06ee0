/** One clock for everything on the page that counts seconds. */
import { useState, useSyncExternalStore } from "react";

let now = Date.now();
let timer: number | undefined;
const listeners = new Set<() => void>();

function tick(): void {
  if (document.hidden) return;
  now = Date.now();
  for (const listener of listeners) listener();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now = Date.now();
    timer = window.setInterval(tick, 1000);
    document.addEventListener("visibilitychange", tick);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
    timer = undefined;
  };
}

/** The time of the last full second, in milliseconds; it stands still while the tab is hidden. */
export const useNow = (): number => useSyncExternalStore(listen, () => now);

/** The time at which what asks for it appeared: for what is too much to be drawn every second. */
export function useOpened(): number {
  const [opened] = useState(() => Date.now());
  return opened;
}
