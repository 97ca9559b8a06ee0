/** Changes of many runs: counted when the dialog opens, then done call by call until nothing is left. */
import { useEffect, useRef, useState } from "react";
import type { CombinedError, OperationResult } from "urql";
import { messageOf } from "./client.ts";

/** Where a call goes on. */
export type BulkPage = { dryRun: boolean; after: string | null; startAt: string | null };
type Done = { bulk: { matched: number; changed: number; cursor: string | null; nextAt: string | null } };
export type BulkCall = (page: BulkPage) => PromiseLike<Pick<OperationResult<Done>, "data" | "error">>;

export type Bulk = {
  /** Runs that match; undefined until they are counted. */
  count: number | undefined;
  /** Runs changed so far; undefined before the first call. */
  done: number | undefined;
  fault: string | undefined;
  /** Changes all of them; gives how many, or undefined when something was wrong. */
  run: () => Promise<number | undefined>;
};

const START: BulkPage = { dryRun: false, after: null, startAt: null };

export function useBulk(call: BulkCall): Bulk {
  const [count, setCount] = useState<number>();
  const [done, setDone] = useState<number>();
  const [error, setError] = useState<CombinedError>();
  const latest = useRef(call);
  latest.current = call;
  const open = useRef(true);
  useEffect(() => {
    open.current = true;
    latest.current({ ...START, dryRun: true }).then(({ data, error }) => {
      if (!open.current) return;
      setCount(data?.bulk.matched);
      setError(error);
    });
    return () => {
      // A closed dialog changes nothing more.
      open.current = false;
    };
  }, []);
  return {
    count,
    done,
    fault: error && messageOf(error),
    async run() {
      let changed = 0;
      let page = START;
      setError(undefined);
      setDone(0);
      while (open.current) {
        const { data, error } = await latest.current(page);
        if (data === undefined || error !== undefined) {
          setError(error);
          return undefined;
        }
        const { bulk } = data;
        changed += bulk.changed;
        setDone(changed);
        if (bulk.cursor === null) return changed;
        page = { ...START, after: bulk.cursor, startAt: bulk.nextAt };
      }
      return changed;
    },
  };
}
