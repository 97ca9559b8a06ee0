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

export interface Scopes {
  /** Notes leases that are given out, so that what is reported about them needs no look. */
  remember(leases: ClaimedLease[]): void;
  /** Of these leases, the ones that the caller does not reach. Malformed and unknown ids are left to the engine. */
  foreign(caller: Caller, leaseIds: string[]): Promise<Set<string>>;
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
    remember(leases) {
      /** Leases of one queue share their scope. */
      const shared = new Map<number, RunScope>();
      for (const { runId, queueId, namespaceId, group } of leases) {
        const scope = shared.get(queueId) ?? { namespaceId, group };
        shared.set(queueId, scope);
        note(runId, scope);
      }
    },

    async foreign(caller, leaseIds) {
      const found = new Set<string>();
      if (reachesAll(caller)) return found;
      const runIds = new Map<string, string>();
      for (const leaseId of leaseIds) {
        const lease = parseLeaseId(leaseId);
        if (lease) runIds.set(leaseId, lease.runId);
      }
      const missing = [...new Set(runIds.values())].filter((runId) => scopeOf(runId) === undefined);
      if (missing.length > 0) for (const [runId, scope] of await readScopes(sql, missing)) note(runId, scope);
      for (const [leaseId, runId] of runIds) {
        const scope = scopeOf(runId);
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
