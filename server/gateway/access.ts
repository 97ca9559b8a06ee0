/**
 * Who may make which call. Every route of the worker protocol names the right it needs when it is defined; one that
 * names none cannot be defined. The namespace comes from the token, else from the query, else it is `default`.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { checkName } from "../core/name.ts";
import { mayOperate, mayRead, mayWork, type Principal } from "../core/principal.ts";
import { forbidden, unavailable } from "../core/rejection.ts";
import type { Catalog } from "../store/catalog.ts";
import type { Tokens } from "../store/tokens.ts";
import type { RunScope } from "../store/work.ts";

/**
 * `work`: claim and settle. `operate`: start runs. `follow`: look at runs, for people and for the workers of their
 * group. `public`: nothing that is anybody's.
 */
export type Right = "work" | "operate" | "follow" | "public";

export interface Caller {
  principal: Principal;
  /** Where new things go. */
  namespaceId: number;
  /** Null: this caller reaches runs of any namespace. */
  onlyNamespaceId: number | null;
}

declare module "fastify" {
  interface FastifyContextConfig {
    right?: Right;
  }
  interface FastifyRequest {
    caller: Caller | null;
  }
}

export interface AccessDeps {
  tokens: Tokens;
  catalog: Catalog;
  isDraining: () => boolean;
}

const REFUSALS: Record<Exclude<Right, "public">, string> = {
  work: "takes a WORKER or ADMIN token of this namespace",
  operate:
    "takes an OPERATOR or ADMIN token of this namespace; workers start runs through the lease of another",
  follow: "takes a token of this namespace",
};

export function guardRoutes(app: FastifyInstance, { tokens, catalog, isDraining }: AccessDeps): void {
  app.decorateRequest("caller", null);

  app.addHook("onRoute", (route) => {
    if (route.config?.right === undefined) throw new Error(`${route.url} does not say which right it needs`);
  });

  app.addHook("onRequest", async (request, reply) => {
    const right = request.routeOptions.config.right;
    if (right === "public") return;
    if (isDraining()) {
      reply.header("connection", "close");
      throw unavailable("this server is shutting down; another one, or its next start, will answer");
    }
    const principal = await tokens.authenticate(request.headers.authorization);
    // Unknown paths end here too: only who is known hears that they are unknown.
    if (right === undefined) return;
    const caller = await identify(principal, namespaceAsked(request), catalog);
    if (!isAllowed(right, caller)) throw forbidden(`this call ${REFUSALS[right]}`);
    request.caller = caller;
  });
}

async function identify(principal: Principal, asked: string | undefined, catalog: Catalog): Promise<Caller> {
  const own = principal.namespaceId;
  if (asked !== undefined) checkName(asked, "namespace");
  if (own === null) {
    const namespaceId = await catalog.namespaceId(asked ?? "default");
    return { principal, namespaceId, onlyNamespaceId: asked === undefined ? null : namespaceId };
  }
  if (asked !== undefined && asked !== (await catalog.namespaceName(own))) {
    throw forbidden(`your token does not reach namespace "${asked}"`);
  }
  return { principal, namespaceId: own, onlyNamespaceId: own };
}

function namespaceAsked(request: FastifyRequest): string | undefined {
  const asked = (request.query as Record<string, unknown>).namespace;
  return typeof asked === "string" ? asked : undefined;
}

function isAllowed(right: Exclude<Right, "public">, { principal, namespaceId }: Caller): boolean {
  if (right === "operate") return mayOperate(principal, namespaceId);
  if (right === "work") return mayWork(principal, namespaceId);
  return mayRead(principal, namespaceId) || mayWork(principal, namespaceId);
}

/** Who makes this call; every route but public ones has somebody. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error("the route is public and has no caller");
  return request.caller;
}

/** Whether a run is one that the caller may see. Others are answered like unknown ones. */
export function reaches({ principal, onlyNamespaceId }: Caller, scope: RunScope): boolean {
  const { namespaceId, executorNamespaceId } = scope;
  if (onlyNamespaceId !== null && onlyNamespaceId !== namespaceId && onlyNamespaceId !== executorNamespaceId)
    return false;
  return mayRead(principal, scope.namespaceId) || mayWork(principal, scope.namespaceId, scope.group);
}

/** True when no run has to be looked up to know that the caller reaches it. */
export function reachesAll({ principal, onlyNamespaceId }: Caller): boolean {
  return onlyNamespaceId === null && principal.groups === null;
}
