/**
 * Long polls. A poll tries at once and parks when there is nothing; a parked poll holds no connection to the
 * database and costs nothing until a queue that it reads rings.
 *
 *   take ──► claim ──► leases                        ring (a commit here, a notification, the safety look)
 *              │ none, and nothing rang meanwhile      │
 *              ▼                                       ▼
 *            parked ◄──── none ────────────────── claim for the first 1, 2, 4, 8 … waiters of the queue,
 *                                                  for as long as all of them get something
 *
 * A claim may have read before a commit and answer after its ring; so every empty claim looks whether one of its
 * queues rang since it began, and claims again if so. Rings are hints all the same: once a second one query looks
 * where there is work, for all parked polls together.
 */
import { LIMITS, RHYTHM } from "../config.ts";
import { isPassedOver } from "../core/placement.ts";
import { Rejection, unavailable } from "../core/rejection.ts";
import type { ClaimedLease, ClaimPoll, Engine, Reservation } from "../engine/engine.ts";
import type { Catalog } from "../store/catalog.ts";
import type { Channel } from "../store/channel.ts";
import { isAway, type Sql } from "../store/connection.ts";
import { askingQueuesWithWork, queuesWithWork } from "../store/work.ts";
import { keysOf, keysOfQueue, Waiters } from "./waiters.ts";

/** The other end of a poll. */
export interface Listener {
  /** The connection is closed: nothing would be heard. */
  readonly gone: boolean;
  /** Calls back once when the connection closes before the answer is out; a later callback replaces an earlier one. */
  onGone(callback: () => void): void;
}

export interface PollOptions {
  waitMs: number;
  listener: Listener;
  /** Asked again before a parked poll takes something: a token may have been revoked. @throws UNAUTHENTICATED */
  check: () => Promise<unknown>;
}

export interface Polls {
  /** Takes runs, waiting for them if need be; empty when the time is over. @throws UNAVAILABLE */
  take(poll: ClaimPoll, options: PollOptions): Promise<ClaimedLease[]>;
  /** Gives back what was taken for a poll and nobody received. */
  giveBack(poll: ClaimPoll, leases: ClaimedLease[]): void;
  readonly parked: number;
  /** Answers all parked polls with nothing, and parks no more. */
  drain(): void;
  /** Stops looking. */
  close(): void;
}

export interface PollDeps {
  engine: Pick<Engine, "claim" | "settle" | "handOverTo">;
  catalog: Catalog;
  channel: Channel;
  sql: Sql;
  /** Says that executors whose polls are parked are alive. */
  touchAll: (executorIds: Iterable<number>) => Promise<void>;
  onError: (error: unknown) => void;
}

interface Parked {
  readonly poll: ClaimPoll;
  readonly keys: string[];
  readonly place: number;
  readonly options: PollOptions;
  /** Its executor drained when it came: it waits its time, so that a worker's loop does not spin. */
  readonly wasDraining: boolean;
  /** A claim for it is under way; what ends the wait now waits for that. */
  busy: boolean;
  over: boolean;
  answer: (leases: ClaimedLease[]) => void;
  refuse: (error: unknown) => void;
}

/** A request that may be repeated, from its last poll on. */
interface Asking {
  readonly poll: ClaimPoll;
  /** Ends the wait: the same request came again, so nobody listens here any more. */
  replace: () => void;
  /** What it took and is giving back. */
  returning: Promise<void> | null;
}

const NOTHING = (): void => {};
/** Far more than can be on their way at once; one that is forgotten only does without these precautions. */
const REQUESTS_REMEMBERED = 20_000;
/** Well below the time after which an executor counts as offline. */
const TOUCH_EVERY_LOOKS = Math.floor(RHYTHM.executorOfflineMs / 2 / RHYTHM.pollSafetyMs);

/** A failure that a parked poll outlasts. */
function mayPass(error: unknown): boolean {
  return isAway(error) || (error instanceof Rejection && error.code === "UNAVAILABLE");
}

export function createPolls({ engine, catalog, channel, sql, touchAll, onError }: PollDeps): Polls {
  const waiters = new Waiters<Parked>();
  /** When each key rang last, counted in rings. */
  const rangAt = new Map<string, number>();
  let rings = 0;
  let places = 0;
  let draining = false;
  /** Queues whose waiters are being woken; true: it rang again meanwhile. */
  const waking = new Map<number, boolean>();

  /** By request: the last poll that made it. What an earlier one took is then the later one's. */
  const asking = new Map<string, Asking>();

  const ask = async (poll: ClaimPoll): Promise<Asking> => {
    const now: Asking = { poll, replace: NOTHING, returning: null };
    if (poll.requestId === undefined) return now;
    const request = `${poll.executorId}/${poll.requestId}`;
    const before = asking.get(request);
    asking.delete(request);
    asking.set(request, now);
    if (asking.size > REQUESTS_REMEMBERED) asking.delete(asking.keys().next().value as string);
    before?.replace();
    // A repetition must not find leases that are about to go.
    await before?.returning;
    return now;
  };

  const giveBack = (poll: ClaimPoll, leases: ClaimedLease[]): void => {
    if (leases.length === 0) return;
    const current =
      poll.requestId === undefined ? undefined : asking.get(`${poll.executorId}/${poll.requestId}`);
    if (current !== undefined && current.poll !== poll) return;
    const items = leases.map(({ leaseId }) => ({ leaseId, outcome: "released" as const }));
    // Leases that cannot be given back expire by themselves.
    const done = engine.settle(items).then(NOTHING, onError);
    if (current) current.returning = done;
  };

  const rangSince = (keys: string[], began: number): boolean =>
    keys.some((key) => (rangAt.get(key) ?? 0) > began);

  /** Whether another claim may bring what the last one did not. */
  const mayGain = ({ executor }: ClaimPoll, keys: string[], began: number): boolean =>
    rangSince(keys, began) && !isPassedOver(executor);

  const park = (asked: Asking, keys: string[], options: PollOptions): Promise<ClaimedLease[]> =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        asked.replace = NOTHING;
        waiters.remove(waiter);
        channel.setParkedPolls(waiters.size);
      };
      const waiter: Parked = {
        poll: asked.poll,
        keys,
        options,
        wasDraining: asked.poll.executor?.draining === true,
        place: places++,
        busy: false,
        over: false,
        answer: (leases) => {
          end();
          resolve(leases);
        },
        refuse: (error) => {
          end();
          reject(error);
        },
      };
      const finish = (): void => {
        waiter.over = true;
        if (!waiter.busy) waiter.answer([]);
      };
      const timer = setTimeout(finish, options.waitMs);
      options.listener.onGone(finish);
      asked.replace = finish;
      waiters.add(waiter);
      channel.setParkedPolls(waiters.size);
    });

  /** One parked poll's try; true when it got something. */
  const attempt = async (waiter: Parked): Promise<boolean> => {
    waiter.busy = true;
    try {
      await waiter.options.check();
      let leases: ClaimedLease[] = [];
      let began: number;
      do {
        began = rings;
        if (!waiter.over) leases = await engine.claim(waiter.poll);
      } while (leases.length === 0 && !waiter.over && mayGain(waiter.poll, waiter.keys, began));
      // In one go with the look at the rings: one that comes after it finds this waiter idle.
      waiter.busy = false;
      if (leases.length > 0 || waiter.over) waiter.answer(leases);
      return leases.length > 0;
    } catch (error) {
      waiter.busy = false;
      // The database may be back before the wait is over.
      if (!mayPass(error)) waiter.refuse(error);
      else if (waiter.over) waiter.answer([]);
      return false;
    }
  };

  /** A parked poll kept for runs that are just being created; null when it may take nothing after all. */
  const reserveOne = async (waiter: Parked, room: number): Promise<Reservation | null> => {
    waiter.busy = true;
    const began = rings;
    try {
      await waiter.options.check();
    } catch (error) {
      waiter.busy = false;
      if (!mayPass(error)) waiter.refuse(error);
      else if (waiter.over) waiter.answer([]);
      return null;
    }
    return {
      poll: waiter.poll,
      room,
      answer(leases) {
        waiter.busy = false;
        if (leases.length > 0 || waiter.over) waiter.answer(leases);
        // What rang while it was kept has passed it by.
        else if (rangSince(waiter.keys, began)) void attempt(waiter);
      },
    };
  };

  engine.handOverTo(async (queueId, count) => {
    const queue = waiters.size > 0 ? catalog.queue(queueId) : undefined;
    if (!queue) return [];
    const chosen: Promise<Reservation | null>[] = [];
    let left = count;
    for (const waiter of waiters.first(queue, count)) {
      if (left === 0) break;
      // Whose leases have to be counted, claims; so does whoever waits behind.
      if (waiter.poll.executor?.capacity != null) break;
      const room = Math.min(left, waiter.poll.max);
      left -= room;
      chosen.push(reserveOne(waiter, room));
    }
    return (await Promise.all(chosen)).filter((reservation) => reservation !== null);
  });

  const wake = async (queueId: number): Promise<void> => {
    if (waking.has(queueId)) {
      waking.set(queueId, true);
      return;
    }
    const queue = catalog.queue(queueId);
    if (!queue) return;
    do {
      waking.set(queueId, false);
      for (let width = 1; ; width *= 2) {
        const chosen = waiters.first(queue, width);
        if (chosen.length === 0) break;
        const served = await Promise.all(chosen.map(attempt));
        if (served.includes(false)) break;
      }
    } while (waking.get(queueId));
    waking.delete(queueId);
  };

  const ring = async (queueIds: number[]): Promise<void> => {
    // A queue made by another server, whose polls may be here already.
    if (queueIds.some((id) => !catalog.queue(id))) await catalog.refreshQueues();
    rings += 1;
    for (const id of queueIds) {
      const queue = catalog.queue(id);
      for (const key of queue ? keysOfQueue(queue) : []) rangAt.set(key, rings);
    }
    if (waiters.size > 0) for (const id of queueIds) void wake(id);
  };
  const onReady = (queueIds: number[]): void => void ring(queueIds).catch(onError);
  channel.on("ready", onReady);

  /** Executors at their capacity may have room again; those that began to drain are told so. */
  const refresh = (): void => {
    for (const { poll, busy, wasDraining, answer } of waiters.all()) {
      if (poll.executor) poll.executor.full = false;
      if (!busy && !wasDraining && poll.executor?.draining) answer([]);
    }
  };

  let looks = 0;
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      const found = catalog.beginLook();
      // Without parked polls nobody tells this server of queues that a busy executor's next poll has to read.
      const queueIds = await (waiters.size > 0 ? queuesWithWork(sql) : askingQueuesWithWork(sql));
      catalog.sawWork(found, queueIds);
      refresh();
      if (queueIds.length > 0) await ring(queueIds);
      if (waiters.size === 0) return;
      looks += 1;
      if (looks % TOUCH_EVERY_LOOKS === 0) {
        await touchAll([...waiters.all()].map(({ poll }) => poll.executorId));
      }
    } catch (error) {
      if (!isAway(error)) onError(error);
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(look, RHYTHM.pollSafetyMs);
  timer.unref();

  return {
    giveBack,

    async take(poll, options) {
      const { listener, waitMs } = options;
      if (draining) throw unavailable("this server is shutting down; ask another one");
      if (listener.gone) return [];
      const asked = await ask(poll);
      const keys = keysOf(poll);
      const mayWait = (): boolean => waitMs > 0 && !listener.gone && !draining;
      let leases: ClaimedLease[];
      let began: number;
      do {
        began = rings;
        leases = await engine.claim(poll);
      } while (leases.length === 0 && mayWait() && mayGain(poll, keys, began));
      if (leases.length === 0 && mayWait()) {
        if (waiters.size >= LIMITS.parkedPolls) {
          throw unavailable("too many polls wait on this server; retry in a moment, or ask another one");
        }
        // In one go with the look at the rings: one that comes after it finds this poll parked.
        leases = await park(asked, keys, options);
      }
      if (!listener.gone) return leases;
      giveBack(poll, leases);
      return [];
    },

    get parked() {
      return waiters.size;
    },

    drain() {
      draining = true;
      for (const waiter of waiters.all()) {
        waiter.over = true;
        if (!waiter.busy) waiter.answer([]);
      }
    },

    close() {
      clearInterval(timer);
      channel.off("ready", onReady);
    },
  };
}
