/**
 * The plain request: a JSON body in, a JSON result out. It takes the same plugins as any other, but none of the
 * fetch API's requests, streams and abort signals, which cost more than executing a small document does.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type GraphQLParams, processRegularResult, type YogaServerInstance } from "graphql-yoga";
import type { Caller, Context } from "./context.ts";

const JSON_TYPE = "application/json; charset=utf-8";
/** Types of answers that are streams, or follow other rules for their status. */
const OTHER_ANSWER = /event-stream|multipart|graphql-response/;

/** What this path may answer; anything out of the ordinary is left to Yoga. */
export function isPlain({ method, url, headers }: IncomingMessage): boolean {
  const { accept = "*/*" } = headers;
  return (
    method === "POST" &&
    url === "/graphql" &&
    headers["content-encoding"] === undefined &&
    /application\/json|\*\/\*/.test(accept) &&
    !OTHER_ANSWER.test(accept)
  );
}

/** Reads a body; null when it has more than `maxBytes`, which ends the reading. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) return null;
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** The body as GraphQL's parameters; null when it is not plainly a query or a mutation. */
export function plainParams(body: Buffer): GraphQLParams | null {
  let params: unknown;
  try {
    params = JSON.parse(body.toString("utf8"));
  } catch {
    return null;
  }
  if (typeof params !== "object" || params === null || Array.isArray(params)) return null;
  const { query, variables, operationName, ...others } = params as GraphQLParams;
  const isPlain =
    typeof query === "string" &&
    !query.includes("subscription") &&
    (variables == null || (typeof variables === "object" && !Array.isArray(variables))) &&
    (operationName == null || typeof operationName === "string") &&
    Object.keys(others).length === 0;
  return isPlain ? params : null;
}

/** All that plugins look at: mutations are refused for other methods. */
const REQUEST = { method: "POST" } as Request;

/** Executes and answers. */
export async function answerPlain(
  yoga: YogaServerInstance<Caller, Context>,
  params: GraphQLParams,
  caller: Caller,
  response: ServerResponse,
): Promise<void> {
  const context = { ...caller } as Parameters<typeof yoga.getResultForParams>[1];
  const result = await yoga.getResultForParams({ params, request: REQUEST }, context);
  if (result && !Array.isArray(result) && "data" in result && result.errors === undefined) {
    const text = JSON.stringify(result);
    response.writeHead(200, { "content-type": JSON_TYPE, "content-length": Buffer.byteLength(text) });
    response.end(text);
    return;
  }
  const answer = processRegularResult(result as never, yoga.fetchAPI, "application/json");
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(await answer.text());
}
