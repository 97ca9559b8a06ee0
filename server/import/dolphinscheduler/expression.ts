/**
 * Conditions of SWITCH tasks, which are JavaScript with `${name}` put in, as expressions of CEL. What JavaScript would
 * convert when it compares is converted by name: a parameter that is text and is compared with a number.
 */
import type { Parameter } from "./parameters.ts";
import { isNumber } from "./parameters.ts";
import { nodePath } from "./template.ts";

export interface ExpressionScope {
  /** Parameters of the process, by name. */
  globals: ReadonlyMap<string, Parameter>;
  /** Keys of the nodes before this one that give out a parameter of the name. */
  givers: ReadonlyMap<string, string>;
}

interface Token {
  kind: "reference" | "number" | "text" | "word" | "sign";
  /** Of a reference its name, of a text what stands in its quotes. */
  text: string;
}

/** The quotes around a reference are part of it: DolphinScheduler takes them away and puts in what the type needs. */
const TOKEN =
  /\s*(?:['"]*\$\{(?<reference>[^}]*)\}['"]*|(?<number>\d+(?:\.\d+)?)|"(?<double>(?:[^"\\]|\\.)*)"|'(?<single>(?:[^'\\]|\\.)*)'|(?<word>true|false|null)\b|(?<sign>===|!==|==|!=|<=|>=|&&|\|\||[<>!()+\-*/%?:]))/y;

const COMPARISONS = new Set(["==", "!=", "<", ">", "<=", ">="]);
const CEL_SIGN: Record<string, string> = { "===": "==", "!==": "!=" };

/** Null for what cannot be said in CEL, or not be read. */
export function celOf(condition: string, scope: ExpressionScope): string | null {
  const tokens = tokensOf(condition);
  if (tokens === null || tokens.length === 0) return null;
  const words = tokens.map((token, at) => wordOf(token, opposite(tokens, at), scope));
  if (words.some((word) => word === null)) return null;
  return words
    .join(" ")
    .replace(/\( /g, "(")
    .replace(/ \)/g, ")")
    .replace(/(^|[(&|!<>=?:] ?)! /g, "$1!")
    .replace(/(^|[(&|<>=?:+\-*/%] )- (?=\d)/g, "$1-");
}

function tokensOf(condition: string): Token[] | null {
  const tokens: Token[] = [];
  const text = condition.trim().replace(/;$/, "");
  for (let from = 0; from < text.length; ) {
    TOKEN.lastIndex = from;
    const found = TOKEN.exec(text);
    if (found === null) return /^\s*$/.test(text.slice(from)) ? tokens : null;
    from = TOKEN.lastIndex;
    const { reference, number, double, single, word, sign = "" } = found.groups ?? {};
    if (reference !== undefined) tokens.push({ kind: "reference", text: reference.trim() });
    else if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (double !== undefined || single !== undefined)
      tokens.push({ kind: "text", text: double ?? single ?? "" });
    else if (word !== undefined) tokens.push({ kind: "word", text: word });
    else tokens.push({ kind: "sign", text: CEL_SIGN[sign] ?? sign });
  }
  return tokens;
}

/** What a value is compared with, when that stands right on the other side of the comparison. */
function opposite(tokens: Token[], at: number): Token | undefined {
  const isComparison = (token: Token | undefined) => token?.kind === "sign" && COMPARISONS.has(token.text);
  if (isComparison(tokens[at + 1])) return tokens[at + 2]?.text === "-" ? tokens[at + 3] : tokens[at + 2];
  const before = tokens[at - 1]?.text === "-" && isComparison(tokens[at - 2]) ? at - 2 : at - 1;
  return isComparison(tokens[before]) ? tokens[before - 1] : undefined;
}

function wordOf(token: Token, other: Token | undefined, scope: ExpressionScope): string | null {
  switch (token.kind) {
    case "text":
      return token.text.includes("${") ? null : JSON.stringify(token.text);
    case "number": {
      const isDouble = other?.kind === "reference" && asNumber(other.text, scope);
      return isDouble && !token.text.includes(".") ? `${token.text}.0` : token.text;
    }
    case "reference": {
      const path = pathOf(token.text, scope);
      if (path === null) return null;
      if (other?.kind === "number" && asNumber(token.text, scope)) return `double(${path})`;
      const global = scope.givers.has(token.text) ? undefined : scope.globals.get(token.text);
      return other?.kind === "text" && global !== undefined && isNumber(global) ? `string(${path})` : path;
    }
    default:
      return token.text;
  }
}

/** Whether it has to be made a number first: what a task gives out is text, whatever it is declared as. */
function asNumber(name: string, { globals, givers }: ExpressionScope): boolean {
  const global = globals.get(name);
  return givers.has(name) || (global !== undefined && !isNumber(global));
}

/** A parameter that nothing declares may come with the start. Null for what is no name. */
function pathOf(name: string, { givers }: ExpressionScope): string | null {
  const key = givers.get(name);
  if (key !== undefined) return `${nodePath(key)}.output${member(name)}`;
  return name === "" ? null : `params${member(name)}`;
}

const member = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
