/** The dashboard's files, with one page for all its addresses, and headers that let nothing else run in it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

const BUILT = fileURLToPath(new URL("../../web/dist", import.meta.url));

/** Styles may be inline: components place menus and notices with them. Scripts may not. */
const POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

const NOT_BUILT = `Escapement is running, but its dashboard is not built.
Run "npm start", which builds it, or "node server/setup.mjs --web" and start again.
The GraphQL API is at /graphql, the worker protocol at /v1/openapi.json.
`;

export interface Dashboard {
  /** Answers a page's address with the one page there is; false when the request is for something else. */
  answerPage(request: FastifyRequest, reply: FastifyReply): boolean;
}

/** Serves `folder`, by default what `vite build` writes. */
export async function serveDashboard(app: FastifyInstance, folder = BUILT): Promise<Dashboard> {
  if (!existsSync(join(folder, "index.html"))) {
    return {
      answerPage(request, reply) {
        const path = request.url.split("?")[0];
        if (path !== "/" && !wantsPage(request)) return false;
        void reply.code(404).type("text/plain; charset=utf-8").send(NOT_BUILT);
        return true;
      },
    };
  }
  await app.register(fastifyStatic, {
    root: folder,
    // Every file a route of its own: what is not there is nobody's, also under other prefixes.
    wildcard: false,
    cacheControl: false,
    setHeaders: (reply, path) => {
      const hashed = path.startsWith(join(folder, "assets"));
      reply.header("cache-control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
      reply.header("content-security-policy", POLICY);
      reply.header("x-content-type-options", "nosniff");
      reply.header("x-frame-options", "DENY");
      reply.header("referrer-policy", "no-referrer");
      reply.header("cross-origin-opener-policy", "same-origin");
    },
  });
  return {
    answerPage(request, reply) {
      if (!wantsPage(request)) return false;
      void reply.sendFile("index.html");
      return true;
    },
  };
}

/** Names in addresses may hold dots, so what is wanted says whether it is a page. */
function wantsPage({ method, url, headers }: FastifyRequest): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  return !url.startsWith("/assets/") && (headers.accept ?? "").includes("text/html");
}
