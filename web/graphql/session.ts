/** The token this browser signs in with, and whether the server wants one. */
import { useSyncExternalStore } from "react";

const KEY = "escapement.token";

/** `open`: nothing refused so far. `needed`: the server asked for a token. `refused`: it did not accept the one we have. */
export type SessionState = "open" | "needed" | "refused";

let state: SessionState = "open";
const listeners = new Set<() => void>();

function become(next: SessionState): void {
  if (state === next) return;
  state = next;
  for (const listener of listeners) listener();
}

/** The token in use; a remembered one outlives the tab. */
export const currentToken = (): string | null => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);

/** The server answered UNAUTHENTICATED. */
export const tokenRefused = (): void => become(currentToken() === null ? "needed" : "refused");

/** Takes a token into use. The caller then asks again. */
export function signIn(token: string, remember: boolean): void {
  forget();
  (remember ? localStorage : sessionStorage).setItem(KEY, token);
  become("open");
}

function forget(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

/** Signs out. The page starts over, so that nothing read with the token stays in memory. */
export function leave(): void {
  forget();
  window.location.reload();
}

/** Headers for a request outside GraphQL, such as a download. */
export function authorization(): Record<string, string> {
  const token = currentToken();
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

export function useSession(): SessionState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}
