/**
 * What changed, told to whoever listens in this process and, through LISTEN/NOTIFY, in every other server.
 * Notifications are hints: each listener also re-reads now and then, and `resync` says that some may be missing.
 */
import { EventEmitter } from "node:events";
import type { RunState } from "../core/run.ts";

export type Change =
  | { kind: "run"; id: string; namespaceId: number; jobId: number; state: RunState }
  | { kind: "job"; id: number; namespaceId: number }
  | { kind: "trigger"; id: number; namespaceId: number }
  | { kind: "executor"; id: number; namespaceId: number }
  /** New text in a run's log. */
  | { kind: "log"; runId: string; namespaceId: number };

export interface ChannelEvents {
  /** A batch of committed changes, of this server or of another. */
  changes: [Change[]];
  /** Queues in which runs became ready. */
  ready: [number[]];
  /** Something became due earlier than a sleeping loop may know: a trigger or a delayed run. */
  due: [];
  /** Notifications may have been lost (reconnect, overflow): re-read what you show. */
  resync: [];
}

export interface Channel extends EventEmitter<ChannelEvents> {
  /** Call after the commit. Local listeners hear at once, other servers with the next notification. */
  publish(changes: Change[]): void;
  publishReady(queueIds: number[]): void;
  publishDue(): void;
  close(): Promise<void>;
}
