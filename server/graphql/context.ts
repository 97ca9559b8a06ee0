/** What every resolver is given, and the one place that says which namespaces its caller may see. */
import type { Logger } from "pino";
import { mayRead, type Principal } from "../core/principal.ts";
import { notFound } from "../core/rejection.ts";
import type { SecretKey } from "../core/secret.ts";
import type { Engine } from "../engine/engine.ts";
import type { Catalog } from "../store/catalog.ts";
import type { Channel } from "../store/channel.ts";
import type { Database } from "../store/connection.ts";
import type { Definitions } from "../store/definitions.ts";
import type { Outputs } from "../store/outputs.ts";
import type { Overviews } from "../store/overview.ts";
import type { Tokens } from "../store/tokens.ts";
import type { Live } from "./live.ts";
import type { Loaders } from "./loaders.ts";

/** What the server has and GraphQL needs. */
export interface GraphqlDependencies {
  database: Database;
  catalog: Catalog;
  channel: Channel;
  engine: Engine;
  outputs: Outputs;
  tokens: Tokens;
  secretKeys: readonly SecretKey[];
  log: Logger;
}

/** Made once, shared by all requests: concurrent ones share their queries too. */
export interface Shared extends GraphqlDependencies {
  definitions: Definitions;
  load: Loaders;
  live: Live;
  overviews: Overviews;
}

/** Who sent a request. A subscription asks again now and then whether `authorization` still holds. */
export interface Caller {
  principal: Principal;
  /** The `Authorization` header that `principal` came from. */
  authorization: string | undefined;
}

export interface Context extends Shared, Caller {}

/** The number of a namespace the caller may see. Throws NOT_FOUND for others, so that their names stay secret. */
export async function namespaceOf(
  { catalog, principal }: Context,
  name: string | null | undefined,
  field = "namespace",
): Promise<number> {
  const wanted = name ?? "default";
  if (/^[\w.:@/-]+$/.test(wanted)) {
    const id = await catalog.namespaceId(wanted, field);
    if (mayRead(principal, id)) return id;
  }
  throw notFound(`namespace "${wanted}"`, field);
}

/** The namespace that a list is about; null: every one, which only callers without a namespace of their own see. */
export async function namespaceShown(
  context: Context,
  name: string | null | undefined,
): Promise<number | null> {
  return name == null ? context.principal.namespaceId : namespaceOf(context, name);
}

/** The thing if the caller may see it, else null: what is foreign is not there. */
export function visible<Thing extends { namespaceId: number }>(
  { principal }: Caller,
  thing: Thing | null | undefined,
): Thing | null {
  return thing && mayRead(principal, thing.namespaceId) ? thing : null;
}

/** What a foreign key points to. Throws when it is missing, which is an error of ours. */
export async function present<Thing>(found: Promise<Thing | null>): Promise<Thing> {
  const thing = await found;
  if (thing === null) throw new Error("a row points to one that is not there");
  return thing;
}
