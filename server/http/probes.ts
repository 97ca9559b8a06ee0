/** `/healthz`, `/readyz` and `/metrics`: what machines ask about this server. */
import type { FastifyInstance } from "fastify";
import { mayRead } from "../core/principal.ts";
import { forbidden } from "../core/rejection.ts";
import { answerError } from "../gateway/problem.ts";
import { asRejection, type Sql } from "../store/connection.ts";
import { readGauges } from "../store/gauges.ts";
import type { Tokens } from "../store/tokens.ts";
import { countRequests, gaugeLines, processLines } from "./metrics.ts";

export interface ProbeParts {
  sql: Sql;
  tokens: Tokens;
  isDraining: () => boolean;
  parkedPolls: () => number;
}

/** A probe wants its answer before it gives up itself. */
const DATABASE_ANSWERS_MS = 2_000;

export function probeRoutes(
  app: FastifyInstance,
  { sql, tokens, isDraining, parkedPolls }: ProbeParts,
): void {
  const requests = countRequests(app);

  app.get("/healthz", (_request, reply) => reply.type("text/plain").send("ok\n"));

  app.get("/readyz", async (_request, reply) => {
    const reason = isDraining() ? "shutting down" : await databaseTrouble(sql);
    reply.type("text/plain").header("cache-control", "no-store");
    return reason === null
      ? reply.send("ready\n")
      : reply.code(503).header("retry-after", 1).send(`not ready: ${reason}\n`);
  });

  app.get("/metrics", { errorHandler: answerError }, async (request, reply) => {
    const principal = await tokens.authenticate(request.headers.authorization);
    if (!mayRead(principal, null))
      throw forbidden("metrics are of every namespace, and so must the token be");
    const gauges = await readGauges(sql);
    const lines = [...gaugeLines(gauges), ...processLines(parkedPolls()), ...requests.lines()];
    return reply.type("text/plain; version=0.0.4; charset=utf-8").send(`${lines.join("\n")}\n`);
  });
}

/** Why the database cannot be used; null when it can. Its tables being there says that it is migrated. */
async function databaseTrouble(sql: Sql): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, DATABASE_ANSWERS_MS, "the database does not answer");
  });
  const asked = sql`select from escapement.leader`.then(
    () => null,
    (error: unknown) =>
      asRejection(error) === error ? "the database is not migrated" : "the database is out of reach",
  );
  try {
    return await Promise.race([asked, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
