/** Documents as definitions: of a kind, by a name, and fit for the server's schema. */
import type { GraphQLSchema } from "graphql";
import { checkObject, meant } from "./check.ts";
import { type Fault, type Place, pathText, type Written } from "./documents.ts";
import { KIND_WORDS, type Kind, type KindTypes, kindOf, typesOf } from "./kinds.ts";

export interface Definition {
  types: KindTypes;
  namespace: string;
  name: string;
  /** As the kind's input type wants it, without what is null. */
  value: Record<string, unknown>;
  written: Written;
}

/** Identifies what a definition is of. */
export const idOf = (kind: Kind, namespace: string, name: string): string => `${kind} ${namespace} ${name}`;

export const idOfDefinition = ({ types, namespace, name }: Definition): string =>
  idOf(types.kind, namespace, name);

/** The definition, or everything that is wrong with the document. `namespace` is for documents that name none. */
export function readDefinition(
  written: Written,
  schema: GraphQLSchema,
  namespace: string,
): { definition: Definition } | { faults: Fault[]; title: string } {
  const { value } = written;
  const faults: Fault[] = [];
  const report = (path: (string | number)[], message: string, ofKey = false) => {
    const place = ofKey ? written.placeOfKey(path) : written.placeOf(path);
    faults.push({ place, field: pathText(path), message });
  };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    report([], "must be an object with a kind, a name and the fields of that kind");
    return { faults, title: "document" };
  }
  const { kind: word, ...fields } = value as Record<string, unknown>;
  const kind = typeof word === "string" ? kindOf(word) : null;
  if (kind === null) {
    const said = typeof word === "string" ? `, not "${word}"${meant(word.toLowerCase(), KIND_WORDS)}` : "";
    report(["kind"], `must be one of ${KIND_WORDS.join(", ")}${said}`);
    return { faults, title: titleOf("document", fields.name) };
  }
  const types = typesOf(schema, kind);
  const checked = checkObject(types.input, fields, [], (path, message, ofKey) =>
    report([...path], message, ofKey),
  );
  if (faults.length > 0) return { faults, title: titleOf(kind, fields.name) };
  const own = { namespace, ...checked } as { namespace: string; name: string };
  return { definition: { types, written, value: own, namespace: own.namespace, name: own.name } };
}

const titleOf = (kind: string, name: unknown): string =>
  typeof name === "string" ? `${kind} ${name}` : kind;

/** Each definition once; what stands a second time is a fault that says where the first is. */
export function withoutRepeats(definitions: Definition[]): {
  unique: Definition[];
  faults: (Fault & { title: string })[];
} {
  const first = new Map<string, Place>();
  const faults: (Fault & { title: string })[] = [];
  const unique = definitions.filter((definition) => {
    const id = idOfDefinition(definition);
    const place = definition.written.placeOf(["name"]);
    const before = first.get(id);
    if (before === undefined) {
      first.set(id, place);
      return true;
    }
    const message = `there is another ${definition.types.kind} of this name at ${before.file}:${before.line}`;
    faults.push({ place, field: "name", message, title: titleOf(definition.types.kind, definition.name) });
    return false;
  });
  return { unique, faults };
}
