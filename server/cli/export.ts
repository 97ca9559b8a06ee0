/** `escapement export`: writes definitions as documents that `apply` reads and leaves unchanged. */
import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { meant } from "./definitions/check.ts";
import { namesOf, readCurrent } from "./definitions/current.ts";
import { documentOf } from "./definitions/document-of.ts";
import { KIND_WORDS, KINDS, type KindTypes, kindOf, readSchema, typesOf } from "./definitions/kinds.ts";
import { writeDocuments } from "./definitions/write.ts";
import { Failure } from "./failure.ts";
import { asking, documented, type Session } from "./session.ts";

export function exportDefinitions(command: Command): void {
  documented(
    command
      .argument("[kind]", "job, trigger or calendar; without it all three")
      .argument("[name...]", "which; without names all of the kind")
      .option("-o, --output <file>", "where to; without it the standard output"),
    "escapement export > all.yaml\nescapement export job hello --namespace demo",
  ).action(asking(write));
}

async function write(
  session: Session,
  word: string | undefined,
  names: string[],
  { output }: { output?: string },
): Promise<void> {
  const { client, out, json } = session;
  const kind = word === undefined ? null : kindOf(word);
  if (word !== undefined && kind === null)
    throw new Failure(
      `"${word}" is no kind: there are ${KIND_WORDS.join(", ")}${meant(word, KIND_WORDS)}`,
      2,
    );
  const [schema, namespace] = await Promise.all([readSchema(client), session.namespace()]);
  const documents: Record<string, unknown>[] = [];
  for (const each of kind === null ? KINDS : [kind]) {
    const types = typesOf(schema, each);
    const wanted = names.length > 0 ? names : await namesOf(client, types, namespace);
    for (const name of wanted) documents.push(await read(session, types, namespace, name));
  }
  const text = json ? `${JSON.stringify(documents, null, 2)}\n` : writeDocuments(documents);
  if (output === undefined) out.text(text);
  else {
    writeFileSync(output, text);
    out.line(`${out.colors.green("✔")} ${documents.length} definitions in ${output}`);
  }
}

async function read(
  { client }: Session,
  types: KindTypes,
  namespace: string,
  name: string,
): Promise<Record<string, unknown>> {
  const current = await readCurrent(client, types, namespace, name, { exactly: true });
  if (current === null) throw new Failure(`There is no ${types.kind} "${name}" in namespace "${namespace}".`);
  return documentOf(types, current);
}
