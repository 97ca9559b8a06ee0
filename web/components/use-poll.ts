/** Reads again from time to time, while that is wanted and somebody looks. */
import { useEffect } from "react";

export function usePoll(reload: () => void, everyMs: number, wanted: boolean): void {
  useEffect(() => {
    if (!wanted) return;
    const timer = window.setInterval(() => !document.hidden && reload(), everyMs);
    return () => window.clearInterval(timer);
  }, [reload, everyMs, wanted]);
}
