/**
 * Who is asking, and what they may do. Roles are per namespace: a viewer reads, an operator also starts, cancels
 * and pauses, an administrator also defines jobs and gives out tokens. A worker stands apart: it runs what is
 * queued for its groups and reads nothing else. Whatever is not allowed here is refused.
 */

export const ROLES = ["VIEWER", "OPERATOR", "ADMIN", "WORKER"] as const;
export type Role = (typeof ROLES)[number];

export interface Principal {
  role: Role;
  /** Null: every namespace. */
  namespaceId: number | null;
  /** Of worker tokens: the groups they may poll; null: every group. */
  groups: string[] | null;
  /** Null: the bootstrap administrator, or nobody in particular while authentication is off. */
  tokenId: string | null;
  /** False while authentication is off: everybody is the administrator of a server on loopback. */
  authentication: boolean;
}

/** Everybody, while authentication is off. */
export const ANYBODY: Principal = {
  role: "ADMIN",
  namespaceId: null,
  groups: null,
  tokenId: null,
  authentication: false,
};

/** The holder of the token that the server was started with. */
export const BOOTSTRAP: Principal = { ...ANYBODY, authentication: true };

/** `namespaceId` null asks about all namespaces at once, which a token of one namespace never reaches. */
function reaches(principal: Principal, namespaceId: number | null): boolean {
  return principal.namespaceId === null || principal.namespaceId === namespaceId;
}

/** Look at jobs, triggers, runs and executors. */
export function mayRead(principal: Principal, namespaceId: number | null): boolean {
  return principal.role !== "WORKER" && reaches(principal, namespaceId);
}

/** Start, cancel, retry and pause. */
export function mayOperate(principal: Principal, namespaceId: number | null): boolean {
  return (principal.role === "OPERATOR" || principal.role === "ADMIN") && reaches(principal, namespaceId);
}

/** Define jobs and triggers, which decides what code workers execute, and give out tokens. */
export function mayAdminister(principal: Principal, namespaceId: number | null): boolean {
  return principal.role === "ADMIN" && reaches(principal, namespaceId);
}

/**
 * Take runs of a group and settle them. Administrators may too, so that one token is enough to begin with.
 * Without `group`: whether there is any group at all that this holder may work for.
 */
export function mayWork(principal: Principal, namespaceId: number | null, group?: string): boolean {
  if (!reaches(principal, namespaceId)) return false;
  if (principal.role === "ADMIN") return true;
  if (principal.role !== "WORKER") return false;
  return group === undefined || principal.groups === null || principal.groups.includes(group);
}
