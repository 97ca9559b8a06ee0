/** `POST /v1/settle` and `POST /v1/heartbeat`: the calls about many leases at once. */
import {
  ExecutorHeartbeatAnswer,
  ExecutorHeartbeatRequest,
  SettleManyAnswer,
  SettleRequest,
  type SettleResult,
  type SettleItem as WireItem,
} from "../../worker/protocol.ts";
import { RHYTHM } from "../config.ts";
import { checkName } from "../core/name.ts";
import { badInput } from "../core/rejection.ts";
import type { SettleItem } from "../engine/engine.ts";
import { asRejection } from "../store/connection.ts";
import { type Caller, callerOf } from "./access.ts";
import { checkClaim, drainText, type Taken, takeLeases } from "./claim.ts";
import { describe } from "./describe.ts";
import { checkpointText, milliseconds, outputOf } from "./lease-calls.ts";
import { leasesText } from "./lease-text.ts";
import type { GatewayParts, Routes } from "./parts.ts";
import { listenerOf, sendJsonText } from "./replies.ts";

/** What does not belong to every outcome, and which it belongs to. */
const MEMBERS: [keyof WireItem, WireItem["outcome"][]][] = [
  ["output", ["succeeded"]],
  ["outputBase64", ["succeeded"]],
  ["error", ["failed"]],
  ["retry", ["failed"]],
  ["retryAfterSeconds", ["failed"]],
  ["checkpoint", ["failed", "released"]],
];

function settleItem(item: WireItem, at: number): SettleItem {
  const { lease, outcome, error, retry, retryAfterSeconds, checkpoint } = item;
  const field = `results[${at}]`;
  for (const [member, outcomes] of MEMBERS) {
    if (item[member] !== undefined && !outcomes.includes(outcome)) {
      throw badInput(
        `${field}.${member}`,
        `belongs to outcome "${outcomes.join('" or "')}", not to "${outcome}"`,
      );
    }
  }
  if (outcome === "failed" && error === undefined) {
    throw badInput(`${field}.error`, 'is missing: outcome "failed" needs an error with a message');
  }
  return {
    leaseId: lease,
    outcome,
    ...outputOf(item, `${field}.`),
    error,
    retry,
    retryAfterMs: milliseconds(retryAfterSeconds),
    checkpoint: checkpointText(checkpoint, `${field}.checkpoint`),
  };
}

export function batchRoutes(app: Routes, parts: GatewayParts): void {
  const { engine, scopes, presence, onError } = parts;

  const settleMany = async (caller: Caller, items: SettleItem[]): Promise<SettleResult[]> => {
    const leaseIds = items.map(({ leaseId }) => leaseId);
    const foreign = await scopes.foreign(caller, leaseIds);
    const own = items.filter(({ leaseId }) => !foreign.has(leaseId));
    const results = own.length === 0 ? [] : await engine.settle(own);
    const byItem = new Map(own.map((item, at) => [item, results[at]]));
    return items.map((item) => {
      const result = byItem.get(item);
      const lease = item.leaseId;
      if (result?.status !== "ok") return { lease, status: "lost" };
      const { state, retryInMs } = result;
      return {
        lease,
        status: "ok",
        state,
        ...(retryInMs === undefined ? {} : { retryInSeconds: retryInMs / 1000 }),
      };
    });
  };

  app.post(
    "/settle",
    {
      config: { right: "work" },
      schema: describe("settle", { body: SettleRequest, answers: { 200: SettleManyAnswer } }),
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const items = request.body.results.map(settleItem);
      const claim =
        request.body.claim &&
        (await checkClaim(parts, request.body.claim, caller, request.headers.authorization, "claim."));
      const listener = listenerOf(reply.raw);
      const results = JSON.stringify(await settleMany(caller, items));
      if (!claim) return sendJsonText(reply, `{"results":${results}}`);
      // What is settled stays settled: a claim that fails only brings nothing.
      const { leases, drain } = await takeLeases(parts, claim, listener).catch((error: unknown): Taken => {
        if (asRejection(error) === error && !(error instanceof Error && error.name === "Rejection"))
          onError(error);
        return { leases: [], drain: false };
      });
      return sendJsonText(
        reply,
        `{"results":${results},"leases":${leasesText(leases, claim.namespaceIds !== undefined)}${drainText(drain)}}`,
      );
    },
  );

  app.post(
    "/heartbeat",
    {
      config: { right: "work" },
      schema: describe("executorHeartbeat", {
        body: ExecutorHeartbeatRequest,
        answers: { 200: ExecutorHeartbeatAnswer },
      }),
    },
    async (request): Promise<ExecutorHeartbeatAnswer> => {
      const caller = callerOf(request);
      const { executor, leases, load } = request.body;
      const name = checkName(executor, "executor");
      const known = await presence.heartbeat(
        { namespaceId: caller.namespaceId, name },
        load,
        caller.principal.groups,
      );
      const foreign = await scopes.foreign(caller, leases);
      const own = [...new Set(leases)].filter((leaseId) => !foreign.has(leaseId));
      const renewed = own.length === 0 ? [] : await engine.renew(own.map((leaseId) => ({ leaseId })));
      const byLease = new Map(own.map((leaseId, at) => [leaseId, renewed[at]]));
      await engine.giveBackUnnamed(known.id, leases, RHYTHM.unnamedLeaseGraceMs);
      return {
        leases: leases.map((lease) => {
          const result = byLease.get(lease);
          return result?.status === "ok"
            ? { lease, status: "ok", cancel: result.cancel, leaseSeconds: result.leaseSeconds }
            : { lease, status: "lost", cancel: false, leaseSeconds: 0 };
        }),
        ...(known.draining ? { drain: true } : {}),
      };
    },
  );
}
