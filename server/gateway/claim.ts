/** `POST /v1/leases`, and the claim that a settle may carry. */
import { ClaimAnswer, ClaimRequest } from "../../worker/protocol.ts";
import { LIMITS } from "../config.ts";
import { checkName } from "../core/name.ts";
import { badInput, forbidden } from "../core/rejection.ts";
import type { ClaimedLease, ClaimPoll } from "../engine/engine.ts";
import type { Catalog } from "../store/catalog.ts";
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
  /** Unset: its caller's. */
  namespaceIds: number[] | undefined;
}

/** Checks what schemas cannot. @throws BAD_INPUT, FORBIDDEN, NOT_FOUND */
export async function checkClaim(
  { catalog }: Pick<GatewayParts, "catalog">,
  request: ClaimRequest,
  caller: Caller,
  authorization: string | undefined,
  field = "",
): Promise<Claim> {
  checkName(request.executor, `${field}executor`);
  for (const [at, group] of (request.groups ?? []).entries()) checkName(group, `${field}groups[${at}]`);
  for (const [at, type] of (request.types ?? []).entries()) checkName(type, `${field}types[${at}]`);
  if (request.requestId !== undefined) checkKey(request.requestId, `${field}requestId`);
  const namespaceIds =
    request.namespaces && (await namespacesOf(catalog, request, request.namespaces, caller, field));
  const groups = groupsOf(request.groups, caller.principal.groups);
  return { request, caller, authorization, groups, namespaceIds };
}

async function namespacesOf(
  catalog: Catalog,
  { types, groups }: ClaimRequest,
  asked: string[],
  { principal }: Caller,
  field: string,
): Promise<number[]> {
  const ids = new Set<number>();
  for (const [at, name] of asked.entries()) {
    const place = `${field}namespaces[${at}]`;
    checkName(name, place);
    if (principal.namespaceId !== null && name !== (await catalog.namespaceName(principal.namespaceId))) {
      throw forbidden(`${place}: your token does not reach namespace "${name}"`);
    }
    ids.add(await catalog.namespaceId(name, place));
  }
  const kinds = types?.length ?? groups?.length ?? 1;
  if (ids.size * kinds > LIMITS.pollKinds) {
    throw badInput(
      `${field}namespaces`,
      `times ${types ? "types" : "groups"} are ${ids.size * kinds}, and one claim waits for at most ${LIMITS.pollKinds}: name fewer, or leave out types`,
    );
  }
  return [...ids].sort((a, b) => a - b);
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
  { request, caller, authorization, groups, namespaceIds }: Claim,
  listener: Listener,
): Promise<Taken> {
  const { executor, types, max = 1, waitSeconds = DEFAULT_WAIT_SECONDS, requestId } = request;
  const { principal, namespaceId } = caller;
  const known = await presence.touch(
    { namespaceId, name: executor },
    groups,
    principal.groups,
    namespaceIds?.filter((id) => id !== namespaceId),
  );
  const poll: ClaimPoll = {
    namespaceId,
    namespaceIds,
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
  scopes.remember(leases, namespaceId);
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
      const claim = await checkClaim(parts, request.body, callerOf(request), request.headers.authorization);
      const { leases, drain } = await takeLeases(parts, claim, listenerOf(reply.raw));
      return sendJsonText(
        reply,
        `{"leases":${leasesText(leases, claim.namespaceIds !== undefined)}${drainText(drain)}}`,
      );
    },
  );
}

/** A member that only those see whom it concerns. */
export const drainText = (drain: boolean): string => (drain ? `,"drain":true` : "");
