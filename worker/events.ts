/** What a worker tells the program that runs it. */
import type { Lease, SettleItem, SettleResult } from "./protocol.ts";

export type WorkerEvent =
  | { kind: "started"; executor: string }
  | { kind: "claimed"; lease: Lease }
  | { kind: "settled"; lease: Lease; outcome: SettleItem["outcome"]; result: SettleResult }
  /** The lease was taken away; nothing of the attempt is recorded. */
  | { kind: "lost"; lease: Lease }
  | { kind: "cancelled"; lease: Lease }
  /** The server does not answer, or not yet; the worker keeps trying and loses nothing. */
  | { kind: "disconnected"; error: Error; retryInMs: number }
  | { kind: "connected" }
  /** A person drains the executor, or has lifted that: it gets no new runs meanwhile. */
  | { kind: "drained"; drained: boolean }
  /** Something went wrong that the worker itself survives. */
  | { kind: "error"; error: unknown; lease?: Lease }
  /** `unsettled` outcomes were not delivered; the server gives those runs out again. */
  | { kind: "stopped"; unsettled: number };

/** One line for a person or a log, or nothing for the events that are no news. */
export function describeEvent(event: WorkerEvent): string | undefined {
  switch (event.kind) {
    case "started":
      return `worker ${event.executor} is ready for runs`;
    case "lost":
      return `lost the lease on run ${event.lease.run} (${event.lease.job}); another attempt will follow`;
    case "cancelled":
      return `run ${event.lease.run} (${event.lease.job}) was cancelled`;
    case "disconnected":
      return `no usable answer from the server, trying on: ${event.error.message}`;
    case "connected":
      return "the server answers again";
    case "drained":
      return event.drained ? "drained: no new runs until somebody lifts that" : "takes runs again";
    case "error":
      return `${event.lease === undefined ? "" : `run ${event.lease.run} (${event.lease.job}): `}${messageOf(event.error)}`;
    case "stopped":
      return `worker stopped${event.unsettled === 0 ? "" : `, ${event.unsettled} outcomes not delivered`}`;
    default:
      return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
