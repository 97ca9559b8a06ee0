/**
 * Who wants to hear of which changes. A feed collects the changes of its topics until they are asked for; a reader too
 * slow for them loses the oldest, and one whose token is over is told so.
 */
import { LIMITS } from "../config.ts";
import { Rejection } from "../core/rejection.ts";
import type { Change, Channel } from "../store/channel.ts";
import type { Tokens } from "../store/tokens.ts";
import type { Caller } from "./context.ts";

/** What happened since the last batch. */
export interface Batch {
  changes: Change[];
  /** Notifications may have been lost: read again what you show. */
  resync: boolean;
}

export interface Feed {
  /**
   * The next batch, empty when nothing happened within `waitMs`. Null once the feed is closed. Throws UNAUTHENTICATED
   * when the reader's token is over.
   */
  next(waitMs?: number): Promise<Batch | null>;
  close(): void;
}

export interface Feeds {
  open(caller: Caller, topics: string[]): Feed;
  /** Closes all of them. */
  close(): void;
}

type Kind = Change["kind"];

/** Changes of a kind, in one namespace or, with null, in all. */
export function topicOf(kind: Kind, namespaceId: number | null): string {
  return namespaceId === null ? kind : `${kind}/n${namespaceId}`;
}

/** Changes of one run: of its state, or of its log. */
export function topicOfRun(kind: "run" | "log", runId: string): string {
  return `${kind}/${runId}`;
}

function topicsOf(change: Change): string[] {
  const common = [topicOf(change.kind, null), topicOf(change.kind, change.namespaceId)];
  if (change.kind === "run") return [...common, topicOfRun("run", change.id)];
  if (change.kind === "log") return [...common, topicOfRun("log", change.runId)];
  return common;
}

/** With the tokens' own memory of ten seconds this keeps the promise of thirty. */
const AUTHENTICATE_MS = 10_000;

const RESYNC_EVERY_MS = 1_000;

interface Subscriber {
  caller: Caller;
  changes: Change[];
  resync: boolean;
  over: "closed" | Rejection | null;
  /** Resolves the pending `next`. */
  wake: (() => void) | null;
}

export function createFeeds(channel: Channel, tokens: Tokens): Feeds {
  const byTopic = new Map<string, Set<Subscriber>>();
  const all = new Map<Subscriber, string[]>();

  const end = (subscriber: Subscriber, over: "closed" | Rejection): void => {
    for (const topic of all.get(subscriber) ?? []) {
      const subscribers = byTopic.get(topic);
      subscribers?.delete(subscriber);
      if (subscribers?.size === 0) byTopic.delete(topic);
    }
    all.delete(subscriber);
    subscriber.over ??= over;
    subscriber.wake?.();
  };

  channel.on("changes", (changes) => {
    if (all.size === 0) return;
    const woken = new Set<Subscriber>();
    for (const change of changes) {
      for (const topic of topicsOf(change)) {
        for (const subscriber of byTopic.get(topic) ?? []) {
          subscriber.changes.push(change);
          woken.add(subscriber);
        }
      }
    }
    for (const subscriber of woken) {
      const excess = subscriber.changes.length - LIMITS.subscriberBacklog;
      if (excess > 0) subscriber.changes.splice(0, excess);
      subscriber.wake?.();
    }
  });

  let resyncAt = Number.NEGATIVE_INFINITY;
  let resyncing: NodeJS.Timeout | null = null;
  // A flood of changes elsewhere comes as one resync after the other; each costs every reader a query.
  channel.on("resync", () => {
    const waitMs = Math.max(0, resyncAt + RESYNC_EVERY_MS - performance.now());
    resyncing ??= setTimeout(() => {
      resyncing = null;
      resyncAt = performance.now();
      for (const subscriber of all.keys()) {
        subscriber.resync = true;
        subscriber.wake?.();
      }
    }, waitMs);
  });

  const authenticateAgain = setInterval(() => {
    for (const subscriber of all.keys()) {
      tokens.authenticate(subscriber.caller.authorization).catch((error: unknown) => {
        if (error instanceof Rejection && error.code === "UNAUTHENTICATED") end(subscriber, error);
      });
    }
  }, AUTHENTICATE_MS).unref();

  return {
    open(caller, topics) {
      const subscriber: Subscriber = { caller, changes: [], resync: false, over: null, wake: null };
      all.set(subscriber, topics);
      for (const topic of topics) {
        const subscribers = byTopic.get(topic) ?? new Set();
        byTopic.set(topic, subscribers.add(subscriber));
      }
      return {
        async next(waitMs) {
          if (subscriber.over === null && subscriber.changes.length === 0 && !subscriber.resync) {
            await sleep(subscriber, waitMs);
          }
          if (subscriber.over === "closed") return null;
          if (subscriber.over !== null) throw subscriber.over;
          const { changes, resync } = subscriber;
          subscriber.changes = [];
          subscriber.resync = false;
          return { changes, resync };
        },
        close: () => end(subscriber, "closed"),
      };
    },
    close() {
      clearInterval(authenticateAgain);
      if (resyncing) clearTimeout(resyncing);
      for (const subscriber of [...all.keys()]) end(subscriber, "closed");
    },
  };
}

/** Until something happens or `waitMs` have passed. */
function sleep(subscriber: Subscriber, waitMs: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = waitMs === undefined ? undefined : setTimeout(() => subscriber.wake?.(), waitMs);
    subscriber.wake = () => {
      clearTimeout(timer);
      subscriber.wake = null;
      resolve();
    };
  });
}
