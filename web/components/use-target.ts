/** Where the commands on this page point to. */
import type { Target } from "../model/curl.ts";
import { useViewer } from "./viewer.tsx";

export function useTarget(): Target {
  const { namespace, signedIn } = useViewer();
  return { origin: window.location.origin, namespace, token: signedIn };
}
