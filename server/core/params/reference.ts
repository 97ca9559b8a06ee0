/**
 * One reference, `${params.a[0]["odd name"]:-fallback}`, from text to what it names. The first word says where to look:
 * `params`, `nodes`, `run`, `system` and `secrets`; any other is a name that is looked up by precedence.
 */
import { checkName } from "../name.ts";
import { Fault, short } from "./fault.ts";
import { type Path, pathText, type Step } from "./scope.ts";
import { systemFault } from "./system.ts";

const RUN_MEMBERS = ["id", "job", "namespace", "scheduledAt"] as const;
export type RunMember = (typeof RUN_MEMBERS)[number];

export type Target =
  | { kind: "params"; path: Path }
  | { kind: "name"; name: string; path: Path }
  /** The path begins with `output`, or is `state`. */
  | { kind: "node"; key: string; path: Path }
  | { kind: "run"; member: RunMember }
  | { kind: "system"; name: string }
  | { kind: "secret"; name: string };

/** What stands for a value that is missing, null or an empty text. */
interface Fallback {
  text: string;
  /** The text, unless it is written exactly as JSON writes another value: `10`, `true`, `[]`. */
  value: unknown;
}

export interface ValueReference {
  target: Target;
  fallback: Fallback | null;
  /** As it was written, with `${` and `}`. */
  text: string;
  /** Where that begins in its string. */
  index: number;
}

/** Far more than anybody would type, so that what is searched for an end has one. */
const PATH_STEPS = 32;
const FALLBACK_LENGTH = 1_000;

const WORD = /[\p{L}_][\p{L}\p{N}_-]{0,127}/uy;
const STEP = /\.([\p{L}_][\p{L}\p{N}_-]{0,127})|\[(\d{1,6})\]|\[("(?:[^"\\]|\\.){0,256}")\]/uy;
/** A secret's name may hold what names may: it is no path. */
const SECRET = /\.((?:[\w.@/-]|:(?!-))+)/y;
const QUOTED = /"(?:[^"\\]|\\.){0,1000}"/y;

/** Reads the reference whose `${` is at `start`; `end` is the index after its `}`. Throws a Fault. */
export function parseReference(text: string, start: number): { reference: ValueReference; end: number } {
  const root = match(WORD, text, start + 2)?.[0];
  if (root === undefined)
    throw new Fault("names nothing; write it like ${params.x} or ${nodes.key.output.y}", start);
  const rootEnd = start + 2 + root.length;
  const secret = root === "secrets" ? match(SECRET, text, rootEnd) : null;
  const { path, end: pathEnd } = secret
    ? { path: [secret[1] ?? ""], end: rootEnd + secret[0].length }
    : parsePath(text, rootEnd);
  const target = targetOf(root, path, start);
  const { fallback, end } = parseFallback(text, pathEnd);
  if (fallback && !["params", "name", "node"].includes(target.kind))
    throw new Fault("has no use for a fallback: leave it out", pathEnd);
  if (text.charAt(end) !== "}") throw unclosed(text, end, start);
  return { reference: { target, fallback, text: text.slice(start, end + 1), index: start }, end: end + 1 };
}

function match(pattern: RegExp, text: string, index: number): RegExpExecArray | null {
  pattern.lastIndex = index;
  return pattern.exec(text);
}

function parsePath(text: string, start: number): { path: Path; end: number } {
  const path: Step[] = [];
  let end = start;
  for (let step = match(STEP, text, end); step !== null; step = match(STEP, text, end)) {
    if (path.length === PATH_STEPS) throw new Fault(`goes more than ${PATH_STEPS} steps deep`, end);
    const [whole, word, place, quoted] = step;
    path.push(quoted !== undefined ? unquote(quoted, end + 1) : (word ?? Number(place)));
    end += whole.length;
  }
  return { path, end };
}

function parseFallback(text: string, start: number): { fallback: Fallback | null; end: number } {
  if (!text.startsWith(":-", start)) return { fallback: null, end: start };
  const from = start + 2;
  const quoted = match(QUOTED, text, from)?.[0];
  if (quoted !== undefined) {
    const content = unquote(quoted, from);
    return { fallback: { text: content, value: content }, end: from + quoted.length };
  }
  // Not `indexOf`: in a text of many references without an end each would be searched to the end of the text.
  let end = from;
  while (end < text.length && end - from <= FALLBACK_LENGTH && !/[{}]/.test(text.charAt(end))) end++;
  if (end - from > FALLBACK_LENGTH)
    throw new Fault(`a fallback has at most ${FALLBACK_LENGTH} characters`, from);
  if (text.charAt(end) === "{")
    throw new Fault("a fallback that holds braces must be a text between double quotes", end);
  const raw = text.slice(from, end);
  return { fallback: { text: raw, value: literal(raw) }, end };
}

function unquote(quoted: string, index: number): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw new Fault(`${short(quoted)} is not a JSON string`, index);
  }
}

/** So that `${params.limit:-10}` is a number with and without its parameter, while `01234` and `1.10` stay texts. */
function literal(raw: string): unknown {
  try {
    const value: unknown = JSON.parse(raw);
    return JSON.stringify(value) === raw ? value : raw;
  } catch {
    return raw;
  }
}

function targetOf(root: string, path: Path, index: number): Target {
  if (root === "params") return { kind: "params", path };
  if (root === "nodes") return nodeTarget(path, index);
  if (root === "run") {
    const member = RUN_MEMBERS.find((name) => name === path[0]);
    if (member === undefined || path.length > 1)
      throw new Fault(
        `names no fact of a run: there are ${RUN_MEMBERS.map((name) => `run.${name}`).join(", ")}`,
        index,
      );
    return { kind: "run", member };
  }
  if (root === "system") {
    const name = `system${pathText(path)}`;
    const fault = systemFault(name);
    if (fault !== null) throw new Fault(`"${short(name)}" cannot be had: ${fault}`, index);
    return { kind: "system", name };
  }
  return root === "secrets" ? secretTarget(path, index) : { kind: "name", name: root, path };
}

function nodeTarget([key, part, ...rest]: Path, index: number): Target {
  if (
    typeof key !== "string" ||
    (part !== "output" && part !== "state") ||
    (part === "state" && rest.length > 0)
  )
    throw new Fault(
      "of a node there are ${nodes.key.output}, what is below it, and ${nodes.key.state}",
      index,
    );
  return { kind: "node", key, path: [part, ...rest] };
}

function secretTarget([name, ...rest]: Path, index: number): Target {
  if (typeof name !== "string" || rest.length > 0)
    throw new Fault('a secret is its name: ${secrets.name} or ${secrets["name"]}', index);
  try {
    return { kind: "secret", name: checkName(name, "secret") };
  } catch (error) {
    throw new Fault(`the secret's name ${(error as Error).message}`, index);
  }
}

function unclosed(text: string, index: number, start: number): Fault {
  const at = text.charAt(index);
  return at === ""
    ? new Fault("is not closed by }", start)
    : new Fault(`"${at}" does not belong into a reference`, index);
}
