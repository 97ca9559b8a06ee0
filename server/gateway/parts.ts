/** What the routes are built from. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { Engine } from "../engine/engine.ts";
import type { Catalog } from "../store/catalog.ts";
import type { Channel } from "../store/channel.ts";
import type { Database } from "../store/connection.ts";
import type { Outputs } from "../store/outputs.ts";
import type { Presence } from "../store/presence.ts";
import type { Tokens } from "../store/tokens.ts";
import type { Endings } from "./endings.ts";
import type { LogMask } from "./log-mask.ts";
import type { Polls } from "./poll.ts";
import type { Scopes } from "./scopes.ts";

export interface GatewayParts {
  engine: Engine;
  catalog: Catalog;
  channel: Channel;
  database: Database;
  tokens: Tokens;
  outputs: Outputs;
  logMask: LogMask;
  presence: Presence;
  polls: Polls;
  endings: Endings;
  scopes: Scopes;
  /** True once the server takes no new work. */
  isDraining: () => boolean;
  /** Something went wrong that no caller waits for. */
  onError: (error: unknown) => void;
}

/** Routes whose schemas give their requests' types. */
export type Routes = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
