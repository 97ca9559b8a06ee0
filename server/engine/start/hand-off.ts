/**
 * – → running in one commit: a run that a parked poll can take is born leased. The poll answers with that commit,
 * and neither a second one nor a wake-up lies between the start and the handler (PERFORMANCE 4.4).
 *
 *   start ──► reserve parked polls ──► insert into lease | ready ──► answer the polls that got something
 *
 * A parked poll has found its queues empty, so nothing is overtaken but what came at the same moment.
 */
import { mayHoldSecrets } from "../../core/secret-reference.ts";
import { leaseOf } from "../claim.ts";
import type { ClaimedLease, Reservation, Reserve } from "../engine.ts";
import type { Inserted, KeyedRuns } from "../enqueue.ts";
import type { NewRun } from "./new-run.ts";

/** The polls that wait for runs about to be inserted. */
export interface Takers {
  /** The poll that gets a run if it is ready at once. */
  of: ReadonlyMap<NewRun, Reservation>;
  /** Lets every reserved poll go, with what was born for it; `inserted` null: nothing was. */
  answer(requests: KeyedRuns[], inserted: Inserted[] | null): void;
}

/**
 * Runs that certainly wait are not handed over, nor those whose claim does more: it stages others (claim/steps.ts), or
 * has secrets to put into the input (claim/secrets.ts). Whether the others are ready is the database's to say.
 */
function mayBeReady(run: NewRun): boolean {
  const { runAt, delayMs, gates, version } = run;
  if (runAt !== null || delayMs !== null || gates !== null || version.execution !== "SINGLE") return false;
  const input = inputOf(run);
  return input === null || !mayHoldSecrets(input);
}

/** What its executor gets; null for bytes, too. */
const inputOf = ({ input, bytes, version }: NewRun): string | null =>
  input ?? (bytes === null ? version.input : null);

/** Pairs runs with parked polls, the longest parked first. */
export async function reserveTakers(requests: KeyedRuns[], reserve: Reserve): Promise<Takers> {
  const byQueue = new Map<number, NewRun[]>();
  for (const { runs } of requests) {
    for (const run of runs) {
      if (!mayBeReady(run)) continue;
      const list = byQueue.get(run.queueId);
      if (list) list.push(run);
      else byQueue.set(run.queueId, [run]);
    }
  }
  const of = new Map<NewRun, Reservation>();
  const reserved: Reservation[] = [];
  for (const [queueId, runs] of byQueue) {
    const reservations = await reserve(queueId, runs.length);
    reserved.push(...reservations);
    const places = reservations.flatMap((reservation) =>
      new Array<Reservation>(reservation.room).fill(reservation),
    );
    for (const [at, reservation] of places.slice(0, runs.length).entries())
      of.set(runs[at] as NewRun, reservation);
  }
  return {
    of,
    answer(requests, inserted) {
      const born = new Map<Reservation, ClaimedLease[]>(reserved.map((reservation) => [reservation, []]));
      for (const [requestNo, answer] of (inserted ?? []).entries()) {
        if (answer.status !== "started") continue;
        for (const [at, { id, state }] of answer.runs.entries()) {
          const run = requests[requestNo]?.runs[at] as NewRun;
          const birth = answer.births[at];
          if (state === "RUNNING" && birth) born.get(of.get(run) as Reservation)?.push(lease(run, id, birth));
        }
      }
      for (const [reservation, leases] of born) reservation.answer(leases);
    },
  };
}

/** What the statement says of a run that was born leased. */
export interface Birth {
  secret: string;
  /** Epoch milliseconds. */
  scheduledAt: number;
}

function lease(run: NewRun, id: string, { secret, scheduledAt }: Birth): ClaimedLease {
  const { version, queueId, parentId, bytes, retry } = run;
  const row = {
    id,
    secret,
    queueId,
    scheduledAt,
    parentId,
    fence: 1,
    released: 0,
    failures: 0,
    retry,
    checkpoint: null,
  };
  return leaseOf(row, version, inputOf(run), bytes);
}
