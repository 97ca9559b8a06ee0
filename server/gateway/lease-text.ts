/**
 * Leases as JSON text. Checkpoints and inputs are JSON text already and go in as they are, last, so that nothing in
 * them can look like a member of the lease to a shell that reads it with sed (PROTOCOL.md "Leases").
 */
import type { ClaimedLease } from "../engine/engine.ts";

/** What leases of one job have in common, by the job's name; two namespaces may use the same one. */
const commonTexts = new Map<string, { type: string; group: string; text: string }>();
const COMMON_TEXTS = 10_000;

function commonText({ job, type, group }: ClaimedLease): string {
  const known = commonTexts.get(job);
  if (known?.type === type && known.group === group) return known.text;
  const text = JSON.stringify({ job, type, group }).slice(1, -1);
  if (commonTexts.size >= COMMON_TEXTS) commonTexts.clear();
  commonTexts.set(job, { type, group, text });
  return text;
}

/** Put together by hand: of a worker's share of the server's time, writing leases was the largest part. */
function leaseText(lease: ClaimedLease, named: boolean): string {
  const { leaseId, runId, attempt, attempts, parentId, fence, checkpoint, input, inputBytes } = lease;
  // No name holds what JSON escapes.
  const namespace = named ? `"namespace":"${lease.namespace}",` : "";
  const parent = parentId === null ? "" : `,"parent":"${parentId}"`;
  const step = lease.step === undefined ? "" : `,"step":"${lease.step}"`;
  const saved = checkpoint === null ? "" : `,"checkpoint":${checkpoint}`;
  const given =
    inputBytes !== null
      ? `,"inputBase64":"${inputBytes.toString("base64")}"`
      : input === null
        ? ""
        : `,"input":${input}`;
  return (
    `{"id":"${leaseId}","run":"${runId}","attempt":${attempt},${commonText(lease)},${namespace}` +
    `"scheduledAt":"${new Date(lease.scheduledAt).toISOString()}","leaseSeconds":${lease.leaseSeconds},"timeoutSeconds":${lease.timeoutSeconds},` +
    `"attempts":{"made":${attempts.made},"max":${attempts.max}}${parent}${step},"fence":${fence}${saved}${given}}`
  );
}

/** A JSON array; `named`: each lease names its namespace. */
export function leasesText(leases: ClaimedLease[], named: boolean): string {
  return `[${leases.map((lease) => leaseText(lease, named)).join(",")}]`;
}
