/** Says that live events do not arrive, for as long as that lasts. */
import { WifiOff } from "lucide-react";
import { useEffect, useState } from "react";
import { useConnection } from "../graphql/connection.ts";

/** A reconnect faster than this goes unmentioned. */
const PATIENCE_MS = 1_200;

export function ConnectionBanner() {
  const { state } = useConnection();
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (state !== "lost") return setShown(false);
    const timer = window.setTimeout(() => setShown(true), PATIENCE_MS);
    return () => window.clearTimeout(timer);
  }, [state]);
  if (!shown) return null;
  return (
    <div
      role="status"
      className="tone-bad sticky top-0 z-30 flex items-center justify-center gap-2 bg-bad px-4 py-1.5 text-center text-[13px] font-medium text-on-accent"
    >
      <WifiOff aria-hidden className="size-4 shrink-0" />
      The connection to the server is lost. What you see may be out of date; the page reconnects by itself.
    </div>
  );
}
