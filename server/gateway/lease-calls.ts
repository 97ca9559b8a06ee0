/** The calls about one lease: heartbeat, complete, fail, release and child runs. */
import {
  ChildRunsAnswer,
  ChildRunsRequest,
  CompleteRequest,
  FailRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  ReleaseRequest,
  ResultsAnswer,
  SettleAnswer,
} from "../../worker/protocol.ts";
import { LIMITS } from "../config.ts";
import { refuseNul } from "../core/json.ts";
import { badInput, notFound } from "../core/rejection.ts";
import { parseLeaseId } from "../engine/context.ts";
import { LeaseLost, type SettleItem, type StartItem } from "../engine/engine.ts";
import { type JoinedPage, readJoined } from "../store/joined.ts";
import { isRunId } from "../store/page.ts";
import { readLease, readScopes } from "../store/work.ts";
import { type Caller, callerOf, reaches, reachesAll } from "./access.ts";
import { bytesOf, jsonText } from "./body.ts";
import { describe, LeasePath, ResultsQuery } from "./describe.ts";
import type { GatewayParts, Routes } from "./parts.ts";
import { sendJsonText } from "./replies.ts";
import { checkKey, keyOf, startItem } from "./start-run.ts";

/** The answer about one lease, or the error that a single call gets for it. */
function settled<Result extends { status: "ok" | "lost" | "unknown" }>(
  result: Result | undefined,
): Extract<Result, { status: "ok" }> {
  if (result?.status === "lost") throw new LeaseLost();
  if (result?.status !== "ok") throw notFound("such lease");
  return result as Extract<Result, { status: "ok" }>;
}

/** A heartbeat's message is shown as one line. */
const UNPRINTABLE = /[^\P{Cc}\t\n]/u;

export function leaseRoutes(app: Routes, parts: GatewayParts): void {
  const { engine, scopes } = parts;

  const settle = async (caller: Caller, item: SettleItem): Promise<SettleAnswer> => {
    await scopes.require(caller, item.leaseId);
    const [result] = await engine.settle([item]);
    const { state, retryInMs } = settled(result);
    return { state, ...(retryInMs === undefined ? {} : { retryInSeconds: retryInMs / 1000 }) };
  };

  app.post(
    "/leases/:id/heartbeat",
    {
      config: { right: "work" },
      schema: describe("heartbeat", {
        params: LeasePath,
        body: HeartbeatRequest,
        answers: { 200: HeartbeatAnswer },
      }),
    },
    async (request): Promise<HeartbeatAnswer> => {
      const { progress, message, checkpoint } = request.body;
      if (message !== undefined && UNPRINTABLE.test(message)) {
        throw badInput("message", "must not hold control characters");
      }
      await scopes.require(callerOf(request), request.params.id);
      const [result] = await engine.renew([
        { leaseId: request.params.id, progress, message, checkpoint: checkpointText(checkpoint) },
      ]);
      const { leaseSeconds, cancel } = settled(result);
      return { leaseSeconds, cancel };
    },
  );

  app.post(
    "/leases/:id/complete",
    {
      config: { right: "work" },
      schema: describe("complete", {
        params: LeasePath,
        body: CompleteRequest,
        answers: { 200: SettleAnswer },
      }),
    },
    (request) =>
      settle(callerOf(request), {
        leaseId: request.params.id,
        outcome: "succeeded",
        ...outputOf(request.body, ""),
      }),
  );

  app.post(
    "/leases/:id/fail",
    {
      config: { right: "work" },
      schema: describe("fail", { params: LeasePath, body: FailRequest, answers: { 200: SettleAnswer } }),
    },
    (request) => {
      const { error, retry, retryAfterSeconds, checkpoint } = request.body;
      return settle(callerOf(request), {
        leaseId: request.params.id,
        outcome: "failed",
        error,
        retry,
        retryAfterMs: milliseconds(retryAfterSeconds),
        checkpoint: checkpointText(checkpoint),
      });
    },
  );

  app.post(
    "/leases/:id/release",
    {
      config: { right: "work" },
      schema: describe("release", {
        params: LeasePath,
        body: ReleaseRequest,
        answers: { 200: SettleAnswer },
      }),
    },
    (request) =>
      settle(callerOf(request), {
        leaseId: request.params.id,
        outcome: "released",
        checkpoint: checkpointText(request.body.checkpoint),
      }),
  );

  app.post(
    "/leases/:id/runs",
    {
      config: { right: "work" },
      schema: describe("startChildren", {
        params: LeasePath,
        body: ChildRunsRequest,
        answers: { 200: ChildRunsAnswer },
      }),
    },
    async (request): Promise<ChildRunsAnswer> => {
      const { runs, join, now = false } = request.body;
      const requestId = requestIdOf(request.body.requestId, keyOf(request.headers["idempotency-key"]));
      const facts = await requireHeld(parts, callerOf(request), request.params.id);
      const namespace = await parts.catalog.namespaceName(facts.namespaceId);
      const items = runs.map((run, at) => startItem(run, namespace, `runs[${at}]`));
      const joinItem = join && startItem(join, namespace, "join");
      await refuseForeign(parts, callerOf(request), [...items, ...(joinItem ? [joinItem] : [])], (at) =>
        at < items.length ? `runs[${at}].joins` : "join.joins",
      );
      return engine.startChildren(request.params.id, { runs: items, join: joinItem, now, requestId });
    },
  );

  app.get(
    "/leases/:id/results",
    {
      config: { right: "work" },
      schema: describe("joinedResults", {
        params: LeasePath,
        querystring: ResultsQuery,
        answers: { 200: ResultsAnswer },
      }),
    },
    async (request, reply) => {
      const { after, limit = LIMITS.resultsPerPage } = request.query;
      if (after !== undefined && !isRunId(after)) throw badInput("after", "must be the `next` of an answer");
      const { runId } = await requireHeld(parts, callerOf(request), request.params.id);
      return sendJsonText(
        reply,
        resultsText(await readJoined(parts.database.sql, runId, after ?? null, limit)),
      );
    },
  );
}

/** A join reads results, so it may name only runs that its caller may look at; others are answered like unknown ones. */
async function refuseForeign(
  { database }: GatewayParts,
  caller: Caller,
  items: StartItem[],
  fieldOf: (at: number) => string,
): Promise<void> {
  const ids = items.flatMap(({ joins }) => joins ?? []).filter(isRunId);
  if (ids.length === 0 || reachesAll(caller)) return;
  const scopes = await readScopes(database.sql, [...new Set(ids)]);
  for (const [at, { joins }] of items.entries()) {
    const foreign = joins?.find((id) => {
      const scope = scopes.get(id);
      return scope !== undefined && !reaches(caller, scope);
    });
    if (foreign !== undefined) throw badInput(fieldOf(at), `there is no run "${foreign}" in this namespace`);
  }
}

/** Body and header mean the same; the header is what proxies and clients know. */
function requestIdOf(member: string | undefined, header: string | null): string | undefined {
  if (member !== undefined && header !== null && member !== header) {
    throw badInput("requestId", "differs from the header Idempotency-Key; leave one of the two out");
  }
  return member === undefined ? (header ?? undefined) : checkKey(member, "requestId");
}

/** Outputs and errors are JSON text already. */
function resultsText({ results, next }: JoinedPage): string {
  const texts = results.map(({ id, job, parentId, state, output, outputBytes, error }) => {
    const open = JSON.stringify({ run: id, job, ...(parentId === null ? {} : { parent: parentId }), state });
    const members = [open.slice(0, -1)];
    if (output !== null) members.push(`"output":${output}`);
    if (outputBytes !== null) members.push(`"outputBase64":"${outputBytes.toString("base64")}"`);
    if (error !== null) members.push(`"error":${error}`);
    return `${members.join(",")}}`;
  });
  return `{"results":[${texts.join(",")}]${next === null ? "" : `,"next":"${next}"`}}`;
}

export const milliseconds = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : Math.round(seconds * 1000);

/** Absent is not the same as null: a run without an output has none. @throws BAD_INPUT, TooLarge */
export function outputOf(
  { output, outputBase64 }: CompleteRequest,
  place: string,
): Pick<SettleItem, "output" | "outputBytes"> {
  if (outputBase64 === undefined) {
    return {
      output: output === undefined ? undefined : jsonText(output, `${place}output`, LIMITS.outputBytes),
    };
  }
  const field = `${place}outputBase64`;
  if (output !== undefined) throw badInput(field, "give either output or outputBase64, not both");
  return { outputBytes: bytesOf(outputBase64, field, LIMITS.outputBytes) };
}

/** What an attempt saves for the next one. */
export function checkpointText(checkpoint: unknown, field = "checkpoint"): string | undefined {
  if (checkpoint === undefined) return undefined;
  const text = jsonText(checkpoint, field, LIMITS.checkpointBytes);
  refuseNul(text, field);
  return text;
}

/** What a lease's id says, if the lease is held and the caller reaches it. @throws NOT_FOUND, LeaseLost */
export async function requireHeld({ database }: GatewayParts, caller: Caller, leaseId: string) {
  const lease = parseLeaseId(leaseId);
  const facts = lease && (await readLease(database.sql, lease.runId, lease.secret));
  if (!facts || !reaches(caller, facts)) throw notFound("such lease");
  if (!facts.held) throw new LeaseLost();
  return facts;
}
