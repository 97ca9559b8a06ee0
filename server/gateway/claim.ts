/** `POST /v1/leases`, and the claim that a settle may carry. */
import { ClaimAnswer, ClaimRequest } from "../../worker/protocol.ts";
import { checkName } from "../core/name.ts";
import { forbidden } from "../core/rejection.ts";
import type { ClaimedLease, ClaimPoll } from "../engine/engine.ts";
import { type Caller, callerOf } from "./access.ts";
import { describe } from "./describe.ts";
import { leasesText } from "./lease-text.ts";
import type { GatewayParts, Routes } from "./parts.ts";
import type { Listener } from "./poll.ts";
import { listenerOf, sendJsonText } from "./replies.ts";
import { checkKey } from "./start-run.ts";

const DEFAULT_WAIT_SECONDS = 30;

/** A claim that its caller may make. */
export interface Claim {
  request: ClaimRequest;
  caller: Caller;
  authorization: string | undefined;
  groups: string[];
}

/** Checks what schemas cannot. @throws BAD_INPUT, FORBIDDEN */
export function checkClaim(
  request: ClaimRequest,
  caller: Caller,
  authorization: string | undefined,
  field = "",
): Claim {
  checkName(request.executor, `${field}executor`);
  for (const [at, group] of (request.groups ?? []).entries()) checkName(group, `${field}groups[${at}]`);
  for (const [at, type] of (request.types ?? []).entries()) checkName(type, `${field}types[${at}]`);
  if (request.requestId !== undefined) checkKey(request.requestId, `${field}requestId`);
  return { request, caller, authorization, groups: groupsOf(request.groups, caller.principal.groups) };
}

function groupsOf(asked: string[] | undefined, allowed: string[] | null): string[] {
  // A token for certain groups need not name them again.
  if (asked === undefined) return allowed === null || allowed.includes("default") ? ["default"] : allowed;
  const distinct = [...new Set(asked)];
  const foreign = allowed === null ? undefined : distinct.find((group) => !allowed.includes(group));
  if (foreign !== undefined) throw forbidden(`your token does not reach group "${foreign}"`);
  return distinct;
}

/** What a claim brought. */
export interface Taken {
  leases: ClaimedLease[];
  /** Somebody drains the executor: it gets nothing until that is lifted. */
  drain: boolean;
}

/** Takes runs, waiting for them if need be. */
export async function takeLeases(
  { presence, polls, scopes, tokens }: GatewayParts,
  { request, caller, authorization, groups }: Claim,
  listener: Listener,
): Promise<Taken> {
  const { executor, types, max = 1, waitSeconds = DEFAULT_WAIT_SECONDS, requestId } = request;
  const { principal, namespaceId } = caller;
  const known = await presence.touch({ namespaceId, name: executor }, groups, principal.groups);
  const poll: ClaimPoll = {
    namespaceId,
    executorId: known.id,
    executor: known,
    groups,
    types: types && [...new Set(types)],
    max,
    requestId,
  };
  const leases = await polls.take(poll, {
    waitMs: waitSeconds * 1000,
    listener,
    check: () => tokens.authenticate(authorization),
  });
  scopes.remember(leases);
  // From here on the connection may still break before the answer is out.
  if (leases.length > 0) listener.onGone(() => polls.giveBack(poll, leases));
  return { leases, drain: known.draining === true };
}

export function claimRoutes(app: Routes, parts: GatewayParts): void {
  app.post(
    "/leases",
    {
      config: { right: "work" },
      schema: describe("claim", { body: ClaimRequest, answers: { 200: ClaimAnswer } }),
    },
    async (request, reply) => {
      const claim = checkClaim(request.body, callerOf(request), request.headers.authorization);
      const { leases, drain } = await takeLeases(parts, claim, listenerOf(reply.raw));
      return sendJsonText(reply, `{"leases":${leasesText(leases)}${drainText(drain)}}`);
    },
  );
}

/** A member that only those see whom it concerns. */
export const drainText = (drain: boolean): string => (drain ? `,"drain":true` : "");
