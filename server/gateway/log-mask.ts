/**
 * Hides secrets in logs. Whichever server appends, it looks up once per lease what the input refers to; where that is
 * nothing, nearly everywhere, logs go by untouched. Values are read anew for each append and kept by nobody, so what is
 * hidden are the values that secrets have at that moment.
 */

import type { SecretKey } from "../core/secret.ts";
import { maskOf } from "../core/secret-mask.ts";
import { secretNames } from "../core/secret-reference.ts";
import type { Sql } from "../store/connection.ts";
import type { LogLine } from "../store/output-log.ts";
import { type NamedSecret, readSecrets } from "../store/secrets.ts";
import { readSecretiveInput } from "../store/work.ts";

/** Leases remembered; they are forgotten by half of these at once. */
const REMEMBERED = 20_000;
const NONE: readonly string[] = [];

export interface LogMask {
  /** The lines as they may be kept. */
  mask(lease: MaskedLease, lines: LogLine[]): Promise<LogLine[]>;
}

/** A lease that is held, and where secrets of its namespace are. */
export interface MaskedLease {
  leaseId: string;
  runId: string;
  namespaceId: number;
  namespace: string;
}

export function createLogMask(sql: Sql, keys: readonly SecretKey[]): LogMask {
  let recent = new Map<string, readonly string[]>();
  let older = new Map<string, readonly string[]>();

  const namesOf = async ({ leaseId, runId }: MaskedLease): Promise<readonly string[]> => {
    const known = recent.get(leaseId) ?? older.get(leaseId);
    if (known) return known;
    const input = await readSecretiveInput(sql, runId);
    const names = input === null ? NONE : secretNames(input);
    recent.set(leaseId, names);
    if (recent.size >= REMEMBERED / 2) {
      older = recent;
      recent = new Map();
    }
    return names;
  };

  return {
    async mask(lease, lines) {
      const names = await namesOf(lease);
      if (names.length === 0) return lines;
      const { namespaceId, namespace } = lease;
      const places = names.map((name): NamedSecret => ({ namespaceId, namespace, name }));
      const values = await readSecrets(sql, keys, places);
      const hide = maskOf(values.flatMap((value) => (value && "text" in value ? [value.text] : [])));
      return lines.map((line) => ({ ...line, message: hide(line.message) }));
    },
  };
}
