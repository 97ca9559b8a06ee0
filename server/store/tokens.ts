/**
 * Tokens: who gave them out, what they allow, and who a request comes from. Only hashes are kept. What was read
 * is trusted for ten seconds, so a revoked or expired token is dead everywhere well within the promised thirty.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Config } from "../config.ts";
import { checkName } from "../core/name.ts";
import { ANYBODY, BOOTSTRAP, type Principal, type Role } from "../core/principal.ts";
import { badInput, notFound, unauthenticated } from "../core/rejection.ts";
import { asRejection, type Database } from "./connection.ts";

/** `esc_<id>_<secret>`: a prefix that leak scanners can look for, an id to find it by, 256 random bits. */
const TOKEN = /^esc_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const TRUSTED_MS = 10_000;
/** Tokens and wrong guesses remembered; the least recently read goes first. */
const REMEMBERED = 10_000;
const LAST_USED_EVERY_MS = 60_000;

export interface TokenSpec {
  name: string;
  role: Role;
  /** Null: every namespace. */
  namespaceId: number | null;
  /** Worker tokens only; absent or null: every group. */
  groups?: string[] | null | undefined;
  expiresAt?: Date | null | undefined;
}

export interface TokenInfo {
  id: string;
  name: string;
  role: Role;
  namespaceId: number | null;
  groups: string[] | null;
  createdAt: Date;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

export interface Tokens {
  /** True when requests need a token. */
  readonly required: boolean;
  /**
   * Whose request this is, by its `Authorization` header.
   * @throws UNAUTHENTICATED when the token is missing, unknown, expired or revoked; UNAVAILABLE.
   */
  authenticate(authorization: string | undefined): Promise<Principal>;
  /** Makes a token; `secret` is shown this once and never again. @throws BAD_INPUT */
  create(spec: TokenSpec): Promise<TokenInfo & { secret: string }>;
  /** Ends a token for good; one that is over already stays as it is. @throws NOT_FOUND */
  revoke(id: string): Promise<TokenInfo>;
  /** Tokens of one namespace, or with null those of all; newest first. */
  list(namespaceId: number | null): Promise<TokenInfo[]>;
  find(id: string): Promise<TokenInfo | null>;
}

interface Known {
  hash: Buffer;
  principal: Principal;
  /** Milliseconds from the reading on, by the database's clock; negative: over. Null: never. */
  remainingMs: number | null;
}

interface Remembered {
  known: Promise<Known | null>;
  readAt: number;
  usedAt: number;
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();

/** `config.adminToken` turns authentication on; without it everybody is the administrator. */
export function createTokens(database: Database, config: Pick<Config, "adminToken">): Tokens {
  const { sql, heartbeatSql } = database;
  const adminHash = config.adminToken === undefined ? null : sha256(config.adminToken);
  const remembered = new Map<string, Remembered>();

  const columns = sql`id, name, role, namespace_id as "namespaceId", groups, created_at as "createdAt",
    expires_at as "expiresAt", last_used_at as "lastUsedAt", revoked_at as "revokedAt"`;

  const read = async (id: string): Promise<Known | null> => {
    const [row] = await sql<
      {
        role: Role;
        namespaceId: number | null;
        groups: string[] | null;
        hash: Buffer;
        remainingMs: number | null;
      }[]
    >`
      select role, namespace_id as "namespaceId", groups, hash,
        case when revoked_at is not null then -1
          else (extract(epoch from expires_at - escapement.clock()) * 1000)::float8 end as "remainingMs"
      from escapement.token where id = ${id}`;
    if (!row) return null;
    const { role, namespaceId, groups, hash, remainingMs } = row;
    return { hash, remainingMs, principal: { role, namespaceId, groups, tokenId: id, authentication: true } };
  };

  const recall = (id: string): Remembered => {
    const now = performance.now();
    const entry = remembered.get(id);
    if (entry && now - entry.readAt < TRUSTED_MS) return entry;
    remembered.delete(id);
    const fresh: Remembered = {
      known: read(id),
      readAt: now,
      usedAt: entry?.usedAt ?? Number.NEGATIVE_INFINITY,
    };
    fresh.known.catch(() => remembered.get(id) === fresh && remembered.delete(id));
    remembered.set(id, fresh);
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value as string);
    return fresh;
  };

  const noteUse = (id: string, entry: Remembered): void => {
    const now = performance.now();
    if (now - entry.usedAt < LAST_USED_EVERY_MS) return;
    entry.usedAt = now;
    // Nobody waits for it and nothing depends on it; the condition keeps many servers from writing it in turn.
    heartbeatSql`
      update escapement.token set last_used_at = escapement.clock()
      where id = ${id} and (last_used_at is null or last_used_at < escapement.clock() - interval '1 minute')`.catch(
      () => {},
    );
  };

  return {
    required: adminHash !== null,

    async authenticate(authorization) {
      if (adminHash === null) return ANYBODY;
      if (authorization === undefined || authorization === "") {
        throw unauthenticated('a token is needed: send the header "Authorization: Bearer <token>"');
      }
      const given = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
      if (given === undefined) {
        throw unauthenticated('the Authorization header must read "Bearer <token>"');
      }
      const hash = sha256(given);
      if (timingSafeEqual(hash, adminHash)) return BOOTSTRAP;
      // Made when it is thrown: an error takes its stack along, and nearly every request is welcome.
      const refused = () => unauthenticated("the token is unknown, expired or revoked; ask for a new one");
      const id = TOKEN.exec(given)?.[1];
      if (id === undefined) throw refused();
      const entry = recall(id);
      const known = await entry.known.catch((error: unknown) => {
        throw asRejection(error);
      });
      // Nothing about the token is told before its hash matches.
      if (known === null || !timingSafeEqual(hash, known.hash)) throw refused();
      const age = performance.now() - entry.readAt;
      if (known.remainingMs !== null && known.remainingMs - age <= 0) throw refused();
      noteUse(id, entry);
      return known.principal;
    },

    async create(spec) {
      const groups = spec.groups ?? null;
      if (groups !== null && spec.role !== "WORKER") {
        throw badInput("groups", `only a WORKER token is limited to groups; leave it out for ${spec.role}`);
      }
      if (groups !== null && groups.length === 0) {
        throw badInput("groups", "name at least one group, or leave it out to allow every group");
      }
      for (const [index, group] of (groups ?? []).entries()) checkName(group, `groups[${index}]`);
      const id = randomBytes(8).toString("hex");
      const secret = `esc_${id}_${randomBytes(32).toString("base64url")}`;
      const expiresAt = spec.expiresAt ?? null;
      const [token] = await sql<TokenInfo[]>`
        insert into escapement.token (id, name, namespace_id, role, groups, hash, created_at, expires_at)
        select ${id}, ${checkName(spec.name, "name")}, ${spec.namespaceId}, ${spec.role}, ${groups}::text[],
          ${sha256(secret)}, escapement.clock(), ${expiresAt}::timestamptz
        where ${expiresAt}::timestamptz is null or ${expiresAt}::timestamptz > escapement.clock()
        returning ${columns}`;
      if (!token) throw badInput("expiresAt", "lies in the past; such a token could never be used");
      return { ...token, secret };
    },

    async revoke(id) {
      const [token] = await sql<TokenInfo[]>`
        update escapement.token set revoked_at = coalesce(revoked_at, escapement.clock())
        where id = ${id} returning ${columns}`;
      if (!token) throw notFound(`token "${id}"`, "id");
      remembered.delete(id);
      return token;
    },

    list: (namespaceId) => sql<TokenInfo[]>`
      select ${columns} from escapement.token
      where ${namespaceId}::int is null or namespace_id = ${namespaceId}
      order by created_at desc, id`,

    async find(id) {
      const [token] = await sql<TokenInfo[]>`select ${columns} from escapement.token where id = ${id}`;
      return token ?? null;
    },
  };
}
