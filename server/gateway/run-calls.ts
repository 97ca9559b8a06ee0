/** `POST /v1/runs` and `GET /v1/runs/{id}`, for producers in a hurry. */
import { RunAnswer, StartRunsAnswer, StartRunsRequest } from "../../worker/protocol.ts";
import { badInput, notFound } from "../core/rejection.ts";
import { isEnded } from "../core/run.ts";
import { isRunId } from "../store/page.ts";
import type { RunResult } from "../store/work.ts";
import { type Caller, callerOf, reaches } from "./access.ts";
import { describe, RunPath, WaitQuery } from "./describe.ts";
import type { GatewayParts, Routes } from "./parts.ts";
import { listenerOf, sendJsonText } from "./replies.ts";
import { keyOf, startItem } from "./start-run.ts";

export function runRoutes(app: Routes, parts: GatewayParts): void {
  const { engine, catalog, endings } = parts;

  app.post(
    "/runs",
    {
      config: { right: "operate" },
      schema: describe("startRuns", { body: StartRunsRequest, answers: { 201: StartRunsAnswer } }),
    },
    async (request, reply) => {
      const namespace = await catalog.namespaceName(callerOf(request).namespaceId);
      const items = request.body.runs.map((run, at) => startItem(run, namespace, `runs[${at}]`));
      const idempotencyKey = keyOf(request.headers["idempotency-key"]);
      if (idempotencyKey !== null) {
        const at = items.findIndex((item) => item.idempotencyKey != null);
        if (at >= 0) {
          throw badInput(
            `runs[${at}].idempotencyKey`,
            "the header Idempotency-Key covers the whole request; leave one of the two out",
          );
        }
      }
      const runs = await engine.start(items, { idempotencyKey, field: "runs" });
      return sendJsonText(reply.code(201), JSON.stringify({ runs }));
    },
  );

  app.get(
    "/runs/:id",
    {
      config: { right: "follow" },
      schema: describe("getRun", { params: RunPath, querystring: WaitQuery, answers: { 200: RunAnswer } }),
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { id } = request.params;
      const until = performance.now() + (request.query.waitSeconds ?? 0) * 1000;
      const listener = listenerOf(reply.raw);
      let run = await requireRun(parts, caller, id);
      let left = until - performance.now();
      while (!isEnded(run.state) && left > 0 && !listener.gone && !parts.isDraining()) {
        // It may end between this look and the wait; the look once a second finds it then.
        await endings.wait(id, left, listener);
        run = await requireRun(parts, caller, id);
        left = until - performance.now();
      }
      return sendJsonText(reply, runText(run));
    },
  );
}

/** @throws NOT_FOUND, also for a run that the caller does not reach */
export async function requireRun({ endings }: GatewayParts, caller: Caller, id: string): Promise<RunResult> {
  const run = isRunId(id) ? await endings.read(id) : null;
  if (!run || !reaches(caller, run)) throw notFound(`run "${id}"`, "id");
  return run;
}

/** Output and error are JSON text already. */
function runText({ id, state, output, outputBytes, error }: RunResult): string {
  const members = [`"id":"${id}"`, `"state":"${state}"`];
  if (output !== null) members.push(`"output":${output}`);
  if (outputBytes !== null) members.push(`"outputBase64":"${outputBytes.toString("base64")}"`);
  if (error !== null) members.push(`"error":${error}`);
  return `{${members.join(",")}}`;
}
