/** Queries that stay true: read again when something changed, when the tab comes back and after a lost connection. */
import { useCallback, useEffect, useRef } from "react";
import {
  type AnyVariables,
  type CombinedError,
  createRequest,
  type DocumentInput,
  type GraphQLRequest,
  type UseQueryArgs,
  useClient,
  useQuery,
} from "urql";
import { useConnection } from "./connection.ts";

/** Calls `act` at most once per `everyMs`, at the end of the first quiet or full interval; never while the tab is hidden, but when it comes back. */
export function useThrottled(act: () => void, everyMs: number): () => void {
  const latest = useRef(act);
  latest.current = act;
  const timer = useRef<number | undefined>(undefined);
  const owed = useRef(false);
  useEffect(() => {
    const comeBack = (): void => {
      if (document.hidden || !owed.current) return;
      owed.current = false;
      latest.current();
    };
    document.addEventListener("visibilitychange", comeBack);
    return () => {
      document.removeEventListener("visibilitychange", comeBack);
      window.clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, []);
  return useCallback(() => {
    if (timer.current !== undefined) return;
    timer.current = window.setTimeout(() => {
      timer.current = undefined;
      if (document.hidden) owed.current = true;
      else latest.current();
    }, everyMs);
  }, [everyMs]);
}

/** Hands every event of a subscription to `take`. Events come faster than a page should draw: `take` only collects. */
export function useEvents<Data, Variables extends AnyVariables>(
  query: DocumentInput<Data, Variables>,
  variables: Variables,
  take: (data: Data) => void,
  pause = false,
): void {
  const client = useClient();
  const latest = useRef(take);
  latest.current = take;
  const request = useRequest(query, variables);
  useEffect(() => {
    if (pause) return;
    const { unsubscribe } = client.executeSubscription<Data, Variables>(request).subscribe((result) => {
      if (result.data !== undefined) latest.current(result.data);
    });
    return unsubscribe;
  }, [client, request, pause]);
}

/** The request of a document and its variables, the same object for as long as they say the same. */
function useRequest<Data, Variables extends AnyVariables>(
  query: DocumentInput<Data, Variables>,
  variables: Variables,
): GraphQLRequest<Data, Variables> {
  const made = createRequest<Data, Variables>(query, variables);
  const kept = useRef(made);
  if (kept.current.key !== made.key) kept.current = made;
  return kept.current;
}

/** `fetching`: the answer to these very variables is still to come; `data` is then the previous one, if any. */
export type Live<Data> = {
  data: Data | undefined;
  error: CombinedError | undefined;
  fetching: boolean;
  reload: () => void;
};

/** A query that is read again after a lost connection and whenever `reload` is called. */
export function useLiveQuery<Data, Variables extends AnyVariables>(
  query: DocumentInput<Data, Variables>,
  variables: Variables,
  pause = false,
): Live<Data> {
  const [result, execute] = useQuery<Data, Variables>({ query, variables, pause } as UseQueryArgs<
    Variables,
    Data
  >);
  const { epoch } = useConnection();
  const reload = useCallback(() => execute({ requestPolicy: "network-only" }), [execute]);
  const seen = useRef(epoch);
  useEffect(() => {
    if (seen.current === epoch) return;
    seen.current = epoch;
    reload();
  }, [epoch, reload]);
  // An answer that is nothing but an error has null for its data, also while the next one is on its way.
  return { data: result.data ?? undefined, error: result.error, fetching: result.fetching, reload };
}
