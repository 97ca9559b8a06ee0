/**
 * Leases as JSON text. Inputs are JSON text already and go in as they are, last, so that nothing in them can look
 * like a member of the lease to a shell that reads it with sed (PROTOCOL.md "Leases").
 */
import type { ClaimedLease } from "../engine/engine.ts";

function leaseText(lease: ClaimedLease): string {
  const members = JSON.stringify({
    id: lease.leaseId,
    run: lease.runId,
    attempt: lease.attempt,
    job: lease.job,
    type: lease.type,
    group: lease.group,
    scheduledAt: new Date(lease.scheduledAt).toISOString(),
    leaseSeconds: lease.leaseSeconds,
    timeoutSeconds: lease.timeoutSeconds,
    attempts: lease.attempts,
    ...(lease.parentId === null ? {} : { parent: lease.parentId }),
    fence: lease.fence,
  });
  const open = members.slice(0, -1);
  if (lease.inputBytes !== null) return `${open},"inputBase64":"${lease.inputBytes.toString("base64")}"}`;
  return lease.input === null ? members : `${open},"input":${lease.input}}`;
}

/** A JSON array. */
export function leasesText(leases: ClaimedLease[]): string {
  return `[${leases.map(leaseText).join(",")}]`;
}
