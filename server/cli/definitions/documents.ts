/** Files of definitions, YAML or JSON, in documents; and where in them something stands. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from "yaml";

/** A step into a value. */
export type Path = readonly (string | number)[];

export interface Place {
  file: string;
  /** From 1, as the next two. */
  document: number;
  line: number;
  column: number;
}

export interface Source {
  file: string;
  text: string;
}

/** Something that is wrong with a document. */
export interface Fault {
  place: Place;
  /** Empty: the document as a whole. */
  field: string;
  message: string;
}

/** One document as it is written. */
export interface Written {
  value: unknown;
  /** Where the value at this path is; of one that is not there, where it would be. */
  placeOf(path: Path): Place;
  /** Where its key is, which is what an unknown field is about. */
  placeOfKey(path: Path): Place;
}

/** An apply reads its definitions one by one before it changes anything: more at once is a mistake in what was named. */
const DOCUMENTS = 10_000;
/** How often a file may use what it has named with `&`, so that a small file does not become a huge value. */
const ALIASES = 1_000;

/** The documents of a text, or what is wrong with it. A list at the top stands for as many documents. */
export function readDocuments({ file, text }: Source): { documents: Written[]; faults: Fault[] } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const at = (document: number, offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, document, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (!Array.isArray(parsed)) return { documents: [], faults: [] };
  if (parsed.length > DOCUMENTS) {
    const message = `holds ${parsed.length} documents; at most ${DOCUMENTS} are read at once`;
    return { documents: [], faults: [{ place: at(1, 0), field: "", message }] };
  }
  const documents: Written[] = [];
  const faults: Fault[] = [];
  for (const [index, document] of parsed.entries()) {
    const number = index + 1;
    const broken = document.errors.map(({ message, pos }) => ({
      place: at(number, pos[0]),
      field: "",
      message: firstLine(message),
    }));
    const inexact = unsafeNumbers(document).map((offset) => ({
      place: at(number, offset),
      field: "",
      message: "this number is larger than what is exact; write it as text, in quotes",
    }));
    faults.push(...broken, ...inexact);
    if (broken.length + inexact.length > 0 || document.contents === null) continue;
    try {
      documents.push(...partsOf(document, (offset) => at(number, offset)));
    } catch (error) {
      // Aliases without end, or one that names nothing.
      faults.push({ place: at(number, 0), field: "", message: firstLine((error as Error).message) });
    }
  }
  return { documents, faults };
}

function partsOf(document: Document.Parsed, at: (offset: number) => Place): Written[] {
  const value: unknown = document.toJS({ maxAliasCount: ALIASES });
  if (value === null) return [];
  const written = (part: unknown, prefix: Path): Written => ({
    value: part,
    placeOf: (path) => at(nodeAt(document, [...prefix, ...path]).value),
    placeOfKey: (path) => at(nodeAt(document, [...prefix, ...path]).key),
  });
  return Array.isArray(value) ? value.map((part, index) => written(part, [index])) : [written(value, [])];
}

/** Offsets of the key and the value that a path leads to, or of the last part of it that is there. */
function nodeAt(document: Document.Parsed, path: Path): { key: number; value: number } {
  let node: Node | null = document.contents;
  let found = { key: startOf(node), value: startOf(node) };
  for (const step of path) {
    const target: Node | null | undefined = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) {
      const pair = target.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
      if (pair === undefined) break;
      node = isNode(pair.value) ? pair.value : null;
      const key = isNode(pair.key) ? startOf(pair.key) : found.key;
      found = { key, value: node === null ? key : startOf(node) };
    } else if (isSeq(target)) {
      const item: unknown = target.items[Number(step)];
      if (!isNode(item)) break;
      node = item;
      found = { key: startOf(node), value: startOf(node) };
    } else break;
  }
  return found;
}

const startOf = (node: Node | null): number => node?.range?.[0] ?? 0;

/** Whole numbers that JavaScript, and so the JSON that is sent, would round. */
function unsafeNumbers(document: Document.Parsed): number[] {
  const found: number[] = [];
  visit(document, {
    Scalar(_, { value, range }) {
      if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value))
        found.push(range?.[0] ?? 0);
    },
  });
  return found;
}

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";

/** `nodes[2].retry.fixed`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** The path of a field as the server writes it. */
export function readPath(field: string): Path {
  return (field.match(/[^.[\]]+/g) ?? []).map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
