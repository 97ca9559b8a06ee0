/** Tokens, and who the caller is. */
import { mayAdminister, ROLES } from "../core/principal.ts";
import { forbidden, notFound } from "../core/rejection.ts";
import type { TokenInfo } from "../store/tokens.ts";
import { builder } from "./builder.ts";
import { type Caller, namespaceOf } from "./context.ts";

const Role = builder.enumType("Role", { values: ROLES });

const Token = builder.objectRef<TokenInfo>("Token").implement({
  fields: (t) => ({
    id: t.exposeID("id"),
    name: t.exposeString("name"),
    namespace: t.string({
      nullable: true,
      description: "Null: every namespace.",
      resolve: ({ namespaceId }, _args, { catalog }) =>
        namespaceId === null ? null : catalog.namespaceName(namespaceId),
    }),
    role: t.expose("role", { type: Role }),
    groups: t.exposeStringList("groups", { nullable: true }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    expiresAt: t.expose("expiresAt", { type: "DateTime", nullable: true }),
    lastUsedAt: t.expose("lastUsedAt", { type: "DateTime", nullable: true }),
    revokedAt: t.expose("revokedAt", { type: "DateTime", nullable: true }),
  }),
});

const CreatedToken = builder.objectRef<{ token: TokenInfo; secret: string }>("CreatedToken").implement({
  fields: (t) => ({ token: t.expose("token", { type: Token }), secret: t.exposeString("secret") }),
});

const TokenInput = builder.inputType("TokenInput", {
  fields: (t) => ({
    name: t.string({ required: true }),
    role: t.field({ type: Role, required: true }),
    namespace: t.string({ description: "Unset: every namespace." }),
    groups: t.stringList({ description: "Worker tokens only; unset: every group." }),
    expiresAt: t.field({ type: "DateTime" }),
  }),
});

builder.queryField("tokens", (t) =>
  t.field({
    type: [Token],
    description: "Newest first.",
    resolve: (_root, _args, { tokens, principal }) => tokens.list(principal.namespaceId),
  }),
);

builder.mutationFields((t) => ({
  createToken: t.field({
    type: CreatedToken,
    description: "The secret is in this answer and nowhere else.",
    args: { input: t.arg({ type: TokenInput, required: true }) },
    resolve: async (_root, { input }, context) => {
      const namespaceId = input.namespace == null ? null : await namespaceOf(context, input.namespace);
      if (!mayAdminister(context.principal, namespaceId)) {
        throw forbidden(
          "your token is for one namespace and can give out tokens for it only: name that namespace",
        );
      }
      const { secret, ...token } = await context.tokens.create({
        name: input.name,
        role: input.role,
        namespaceId,
        groups: input.groups ?? null,
        expiresAt: input.expiresAt == null ? null : new Date(input.expiresAt),
      });
      return { token, secret };
    },
  }),
  revokeToken: t.field({
    type: Token,
    description: "Ends it for good, everywhere within seconds.",
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_root, { id }, { tokens, principal }) => {
      const known = /^[0-9a-f]{1,64}$/.test(id) ? await tokens.find(id) : null;
      if (!known || !mayAdminister(principal, known.namespaceId)) throw notFound(`token "${id}"`, "id");
      return tokens.revoke(id);
    },
  }),
}));

const Viewer = builder.objectRef<Caller>("Viewer").implement({
  fields: (t) => ({
    role: t.field({ type: Role, resolve: ({ principal }) => principal.role }),
    namespace: t.string({
      nullable: true,
      description: "Null: every namespace.",
      resolve: ({ principal }, _args, { catalog }) =>
        principal.namespaceId === null ? null : catalog.namespaceName(principal.namespaceId),
    }),
    authentication: t.boolean({
      description: "False: everybody who reaches this server may do everything.",
      resolve: ({ principal }) => principal.authentication,
    }),
  }),
});

builder.queryField("viewer", (t) =>
  t.field({
    type: Viewer,
    description: "Who asks: the role and namespace of the caller's token.",
    resolve: (_root, _args, { principal, authorization }) => ({ principal, authorization }),
  }),
);
