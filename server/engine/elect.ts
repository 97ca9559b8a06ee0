/**
 * Who leads. One row names the leader, its epoch and when its term ends; renewing it is a compare-and-set by the
 * database's clock. A process leads only while it has just heard that it does:
 *
 *        acquire (expired row, epoch + 1)          renew each second
 *   follower ───────────────────────────► leader ───────────────────► leader
 *        ▲                                   │
 *        └── no row, any error, or the own ──┘      resign: the row expires at once
 *            clock says the term may be over
 *
 * Every batch that needs a leader checks the epoch again in its own statement (`lead`), so an old leader that wakes
 * up late changes nothing.
 */
import { RHYTHM } from "../config.ts";
import type { EngineContext } from "./context.ts";

/** Takes or renews the leadership; the epoch, or null when somebody else leads. Errors mean: not leader. */
export async function elect({ sql, serverId }: EngineContext): Promise<number | null> {
  const [row] = await sql<{ epoch: number }[]>`
    update escapement.leader set
      epoch = case when holder = ${serverId} and expires_at > escapement.clock() then epoch else epoch + 1 end,
      holder = ${serverId},
      expires_at = escapement.clock() + ${RHYTHM.leaderTtlMs} * interval '1 millisecond'
    where id = 1 and (expires_at <= escapement.clock() or holder = ${serverId})
    returning epoch::float8`;
  return row?.epoch ?? null;
}

/** Ends the own term, so that another server takes over at its next try. */
export async function resign({ sql, serverId }: EngineContext): Promise<void> {
  await sql`
    update escapement.leader set expires_at = '-infinity' where id = 1 and holder = ${serverId}`;
}
