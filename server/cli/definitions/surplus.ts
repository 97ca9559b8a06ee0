/** What a namespace has and no document defines: found, and deleted where that is wanted. */
import type { Client } from "../client.ts";
import { Refused } from "../failure.ts";
import { namesOf, remove } from "./current.ts";
import { type Definition, idOf, idOfDefinition } from "./definition.ts";
import { KINDS, type Kind, type KindTypes } from "./kinds.ts";
import type { Applied } from "./report.ts";

/** In the namespaces of the definitions; triggers first, so that nothing is deleted that another still names. */
export async function prune(
  client: Client,
  definitions: Definition[],
  typesOf: (kind: Kind) => KindTypes,
  dryRun: boolean,
): Promise<Applied[]> {
  const kept = new Set(definitions.map(idOfDefinition));
  const results: Applied[] = [];
  for (const namespace of new Set(definitions.map((each) => each.namespace))) {
    for (const kind of [...KINDS].reverse()) {
      const types = typesOf(kind);
      const names = await namesOf(client, types, namespace);
      const surplus = names.filter((name) => !kept.has(idOf(kind, namespace, name)));
      for (const name of surplus) {
        const about = { title: `${kind} ${name}`, kind, namespace, name };
        results.push({ ...about, ...(await removed(client, types, namespace, name, dryRun)) });
      }
    }
  }
  return results;
}

async function removed(
  client: Client,
  types: KindTypes,
  namespace: string,
  name: string,
  dryRun: boolean,
): Promise<Pick<Applied, "action" | "changes" | "faults">> {
  try {
    if (!dryRun) await remove(client, types, namespace, name);
    return { action: "deleted", changes: [], faults: [] };
  } catch (error) {
    if (!(error instanceof Refused) || error.exitCode === 2) throw error;
    const place = { file: "--prune", document: 1, line: 1, column: 1 };
    return {
      action: "failed",
      changes: [],
      faults: [{ place, field: "", message: error.reason, code: error.code }],
    };
  }
}
