/** Which namespace and group a lease's run belongs to, so that a token of one cannot touch another's by its id. */
import { notFound } from "../core/rejection.ts";
import { parseLeaseId } from "../engine/context.ts";
import type { ClaimedLease } from "../engine/engine.ts";
import type { Sql } from "../store/connection.ts";
import { type RunScope, readScopes } from "../store/work.ts";
import { type Caller, reaches, reachesAll } from "./access.ts";

/**
 * Runs remembered from their claim on; a run's namespace never changes, and its group only with a new claim. They are
 * forgotten by half of these at once: to take the oldest out of a map one by one gets slower with each that is gone.
 */
const REMEMBERED = 50_000;

const NONE: ReadonlySet<string> = new Set();

export interface Scopes {
  /** Notes leases that are given out, so that what is reported about them needs no look. */
  remember(leases: ClaimedLease[], executorNamespaceId: number): void;
  /** Of these leases, the ones that the caller does not reach. Malformed and unknown ids are left to the engine. */
  foreign(caller: Caller, leaseIds: string[]): Promise<ReadonlySet<string>>;
  /** @throws NOT_FOUND for what `foreign` would name. */
  require(caller: Caller, leaseId: string): Promise<void>;
}

export function createScopes(sql: Sql): Scopes {
  let recent = new Map<string, RunScope>();
  let older = new Map<string, RunScope>();
  const scopeOf = (runId: string): RunScope | undefined => recent.get(runId) ?? older.get(runId);

  const note = (runId: string, scope: RunScope): void => {
    recent.set(runId, scope);
    if (recent.size < REMEMBERED / 2) return;
    older = recent;
    recent = new Map();
  };

  const scopes: Scopes = {
    remember(leases, executorNamespaceId) {
      /** Leases of one queue share their scope. */
      const shared = new Map<number, RunScope>();
      for (const { runId, queueId, namespaceId, group } of leases) {
        const scope = shared.get(queueId) ?? { namespaceId, group, executorNamespaceId };
        shared.set(queueId, scope);
        note(runId, scope);
      }
    },

    async foreign(caller, leaseIds) {
      if (reachesAll(caller)) return NONE;
      const found = new Set<string>();
      /** By lease: runs that this server has not lent. */
      const missing = new Map<string, string>();
      for (const leaseId of leaseIds) {
        const runId = parseLeaseId(leaseId)?.runId;
        if (runId === undefined) continue;
        const scope = scopeOf(runId);
        if (scope === undefined) missing.set(leaseId, runId);
        else if (!reaches(caller, scope)) found.add(leaseId);
      }
      if (missing.size === 0) return found;
      const read = await readScopes(sql, [...new Set(missing.values())]);
      for (const [runId, scope] of read) note(runId, scope);
      for (const [leaseId, runId] of missing) {
        const scope = read.get(runId);
        if (scope && !reaches(caller, scope)) found.add(leaseId);
      }
      return found;
    },

    async require(caller, leaseId) {
      if ((await scopes.foreign(caller, [leaseId])).size > 0) throw notFound("such lease");
    },
  };
  return scopes;
}
