/** Secrets: set, listed, deleted and encrypted anew. No field of any type gives a value back. */
import { SECRET_OPENING } from "../core/secret-reference.ts";
import { type Rotation, rotateSecrets, type UnreadableSecret } from "../store/secret-rotation.ts";
import { deleteSecret, listSecrets, type NamedSecret, type Secret, setSecret } from "../store/secrets.ts";
import { byName } from "./arguments.ts";
import { builder } from "./builder.ts";
import { whoIs } from "./caller.ts";
import { connectionOf, pageArguments, pageCost } from "./connection.ts";
import { type Context, namespaceOf, namespaceShown } from "./context.ts";

const SecretType = builder.objectRef<Secret>("Secret").implement({
  description: `A named value of a namespace, which inputs refer to as ${SECRET_OPENING}NAME}. Its value is not shown.`,
  fields: (t) => ({
    id: t.id({ resolve: ({ namespaceId, name }) => `secret_${namespaceId}_${name}` }),
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name"),
    description: t.exposeString("description", { nullable: true }),
    version: t.exposeInt("version", { description: "Grows with every new value." }),
    createdAt: t.expose("createdAt", { type: "DateTime" }),
    updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it got its value." }),
    updatedBy: t.exposeString("updatedBy", {
      description: "Who gave it: a token's id, or who needed none.",
    }),
  }),
});

const SecretConnection = builder.connectionObject({ type: SecretType, name: "SecretConnection" });

const Unreadable = builder.objectRef<UnreadableSecret>("UnreadableSecret").implement({
  fields: (t) => ({
    namespace: t.string({
      resolve: ({ namespaceId }, _args, { catalog }) => catalog.namespaceName(namespaceId),
    }),
    name: t.exposeString("name"),
    reason: t.exposeString("reason", { description: "With what to do about it." }),
  }),
});

const RotationType = builder.objectRef<Rotation>("SecretRotation").implement({
  fields: (t) => ({
    rotated: t.exposeInt("rotated"),
    left: t.exposeInt("left", {
      description: "For another call; 0: all that can be are under the first key.",
    }),
    unreadable: t.expose("unreadable", {
      type: [Unreadable],
      description: "What no key of this server opens, and so stays as it is; the first 100.",
    }),
  }),
});

builder.queryField("secrets", (t) =>
  t.field({
    type: SecretConnection,
    description: "By name.",
    complexity: pageCost,
    args: {
      namespace: t.arg.string(),
      search: t.arg.string({ description: "A part of the name, in any letter case." }),
      ...pageArguments,
    },
    resolve: async (_root, { namespace, search, ...page }, context) =>
      connectionOf(
        await listSecrets(context.database.sql, await namespaceShown(context, namespace), { search }, page),
      ),
  }),
);

async function placeOf(
  context: Context,
  namespace: string | null | undefined,
  name: string,
): Promise<NamedSecret> {
  const namespaceId = await namespaceOf(context, namespace);
  return { namespaceId, namespace: await context.catalog.namespaceName(namespaceId), name };
}

builder.mutationFields((t) => ({
  setSecret: t.field({
    type: SecretType,
    description: "Creates a secret or gives it another value, which runs get that are claimed from then on.",
    args: {
      ...byName,
      value: t.arg.string({ required: true, description: "Text, at most 16 KiB." }),
      description: t.arg.string({ description: "Absent: as it was; null: none." }),
    },
    resolve: async (_root, { namespace, name, value, description }, context) => {
      const { database, secretKeys, principal } = context;
      const place = await placeOf(context, namespace, name);
      return setSecret(database.sql, secretKeys, place, { value, description, by: whoIs(principal) });
    },
  }),
  deleteSecret: t.boolean({
    description: "Runs that refer to it fail when they are claimed.",
    args: byName,
    resolve: async (_root, { namespace, name }, context) => {
      await deleteSecret(context.database.sql, await namespaceOf(context, namespace), name);
      return true;
    },
  }),
  rotateSecrets: t.field({
    type: RotationType,
    description:
      "Encrypts with the first key of ESCAPEMENT_SECRET_KEY what is under another one. The values stay.",
    args: { namespace: t.arg.string({ description: "Unset: every one the caller may see." }) },
    resolve: async (_root, { namespace }, context) =>
      rotateSecrets(context.database.sql, context.secretKeys, await namespaceShown(context, namespace)),
  }),
}));
