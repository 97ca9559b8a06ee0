/**
 * Secrets in inputs (server/SECRETS.md). A run's row keeps the reference; the value goes into the lease that its executor gets,
 * and lives no longer than that. All leases of a batch share one query, and a batch without references has none.
 */
import { LIMITS } from "../../config.ts";
import { type Found, fillSecrets, inJson, missing, secretNames } from "../../core/secret-reference.ts";
import { type NamedSecret, readSecrets } from "../../store/secrets.ts";
import type { EngineContext } from "../context.ts";
import type { ClaimedLease, Failure } from "../engine.ts";

/** Writes the values into the leases' inputs. Returns the leases that must not be given out, each with why. */
export async function putSecretsIn(
  { sql, secretKeys }: Pick<EngineContext, "sql" | "secretKeys">,
  leases: ClaimedLease[],
): Promise<Map<ClaimedLease, Failure>> {
  const refused = new Map<ClaimedLease, Failure>();
  const refuse = (lease: ClaimedLease, message: string): void => {
    refused.set(lease, { type: "SecretMissing", message });
  };
  const wanted = new Map<string, NamedSecret>();
  const usable: { lease: ClaimedLease; input: string }[] = [];
  for (const lease of leases) {
    const { input, namespaceId, namespace } = lease;
    if (input === null) continue;
    const names = secretNames(input);
    if (names.length > LIMITS.secretsPerInput) {
      refuse(
        lease,
        `the input refers to ${names.length} secrets; at most ${LIMITS.secretsPerInput} are allowed`,
      );
      continue;
    }
    for (const name of names) wanted.set(keyOf(lease, name), { namespaceId, namespace, name });
    usable.push({ lease, input });
  }
  const places = [...wanted.values()];
  const values = places.length === 0 ? [] : await readSecrets(sql, secretKeys, places);
  const found = new Map<string, Found>();
  for (const [at, key] of [...wanted.keys()].entries()) {
    const value = values[at] ?? { fault: missing(places[at] as NamedSecret) };
    found.set(key, "text" in value ? { value: inJson(value.text) } : value);
  }
  for (const { lease, input } of usable) {
    const filled = fillSecrets(
      input,
      (name) => found.get(keyOf(lease, name)) ?? { fault: missing({ ...lease, name }) },
      LIMITS.filledInputLength,
    );
    if ("json" in filled) lease.input = filled.json;
    else refuse(lease, filled.fault);
  }
  return refused;
}

const keyOf = ({ namespaceId }: ClaimedLease, name: string): string => `${namespaceId}/${name}`;
