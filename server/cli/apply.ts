/** `escapement apply`: makes the server have what files define. */
import type { Command } from "commander";
import { type Definition, idOfDefinition, readDefinition, withoutRepeats } from "./definitions/definition.ts";
import { type Fault, type Place, readDocuments, readPath } from "./definitions/documents.ts";
import { readSchema, typesOf } from "./definitions/kinds.ts";
import { inOrder } from "./definitions/order.ts";
import { reconcile } from "./definitions/reconcile.ts";
import { type Applied, forProgram, show } from "./definitions/report.ts";
import { readSources } from "./definitions/sources.ts";
import { prune } from "./definitions/surplus.ts";
import { Failure, Refused } from "./failure.ts";
import { asking, documented, type Session } from "./session.ts";
import { gather } from "./values.ts";

interface Options {
  file: string[];
  dryRun?: boolean;
  prune?: boolean;
}

const EXAMPLE = `escapement apply -f jobs.yaml --dry-run
escapement apply -f definitions/ -f more.json
escapement export | ssh other-machine escapement apply -f -

A file holds documents such as:
kind: Job
name: hello
type: shout
input: { text: hi }
---
kind: Trigger
name: every-minute
job: hello
schedule: { cron: { expression: "* * * * *", timeZone: Europe/Berlin } }

A field that is not named is what it is by default. What a trigger's document does not say of \`paused\` stays as it is.`;

export function apply(command: Command): void {
  documented(
    command
      .requiredOption(
        "-f, --file <path>",
        "YAML or JSON; a folder with all below it; - for the standard input; may be repeated",
        gather,
      )
      .option("--dry-run", "say what would be done, and change nothing")
      .option(
        "--prune",
        "also delete what the documents' namespaces have of jobs, triggers and calendars and no document names",
      ),
    EXAMPLE,
  ).action(asking(applyFiles));
}

async function applyFiles(
  session: Session,
  { file, dryRun = false, prune: withPrune = false }: Options,
): Promise<void> {
  const { client, out, json } = session;
  const sources = readSources(file);
  const [schema, namespace] = await Promise.all([readSchema(client), session.namespace()]);
  const results: Applied[] = [];
  const definitions: Definition[] = [];
  for (const source of sources) {
    const { documents, faults } = readDocuments(source);
    results.push(...faults.map((fault) => faulty(source.file, [fault])));
    for (const written of documents) {
      const read = readDefinition(written, schema, namespace);
      if ("definition" in read) definitions.push(read.definition);
      else results.push(faulty(read.title, read.faults));
    }
  }
  const { unique, faults } = withoutRepeats(definitions);
  results.push(...faults.map((fault) => faulty(fault.title, [fault])));
  const isWhole = results.length === 0;
  const pending = new Set<string>();
  for (const definition of inOrder(unique)) {
    const result = await applyOne(session, definition, { dryRun, pending });
    if (dryRun && result.action === "created") pending.add(idOfDefinition(definition));
    results.push(result);
  }
  if (withPrune && isWhole)
    results.push(...(await prune(client, unique, (kind) => typesOf(schema, kind), dryRun)));
  if (json) out.json(results.map(forProgram));
  else show(results, out, dryRun);
  const failed = results.filter(({ action }) => action === "failed").length;
  const unpruned = withPrune && !isWhole ? " Nothing was deleted, as not every document can be read." : "";
  if (failed > 0) throw new Failure(`${failed} of ${results.length} could not be applied.${unpruned}`);
}

function faulty(title: string, faults: Fault[]): Applied {
  return { title, action: "failed", changes: [], faults };
}

async function applyOne(
  { client }: Session,
  definition: Definition,
  options: { dryRun: boolean; pending: ReadonlySet<string> },
): Promise<Applied> {
  const { types, namespace, name } = definition;
  const about = { title: `${types.kind} ${name}`, kind: types.kind, namespace, name };
  try {
    return { ...about, faults: [], ...(await reconcile(client, definition, options)) };
  } catch (error) {
    // Without a server, or the right to ask it, the others would fail for the same reason.
    if (!(error instanceof Refused) || error.exitCode === 2) throw error;
    const { faults, code } = error;
    return {
      ...about,
      action: "failed",
      changes: [],
      faults: faults.map(({ field, message }) => ({
        place: placeOf(definition, field),
        field,
        message,
        code,
      })),
    };
  }
}

/** The server names a field as its API does, in which the input is the whole. */
function placeOf({ written }: Definition, field: string): Place {
  return written.placeOf(readPath(field.replace(/^input\./, "")));
}
