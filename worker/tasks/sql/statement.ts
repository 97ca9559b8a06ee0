/** What is read off a statement before it is sent: its first word, and the parameters that it names. */
import { DoNotRetry } from "../../errors.ts";
import type { Dialect } from "./session.ts";

/** The transaction is the task's business: a statement that ended it would let what follows happen on its own. */
const TRANSACTION =
  /^(begin|start|commit|end|rollback|abort|savepoint|release|xa|prepare\s+transaction|set\s+([@\w.]+\s+)*(transaction|characteristics|autocommit)|set\s+@@[\w.]*autocommit)\b/;
/** Its data would travel beside the statement, where nobody sends or reads it. */
const COPY = /^(copy|load)\b/;
/** What a connection for reading takes; the transaction around it refuses what hides behind these. */
const READING = /^(select|with|values|table|show|explain|describe|desc)\b/;

/** Throws a DoNotRetry for statements that the task cannot send. */
export function checkStatement(statement: string, name: string, dialect: Dialect, readOnly: boolean): void {
  const start = startOf(statement, dialect);
  if (start === "") throw new DoNotRetry(`${name} holds no statement.`);
  if (TRANSACTION.test(start))
    throw new DoNotRetry(
      `${name} must not begin or end a transaction: input.transaction says whether there is one.`,
    );
  if (COPY.test(start))
    throw new DoNotRetry(`${name} must not be a COPY or LOAD: its data has no way to travel.`);
  if (readOnly && !READING.test(start))
    throw new DoNotRetry(`${name} is no query, and the connection is for reading only.`);
}

/** Its code from the first word on, in lower case. */
export function startOf(statement: string, dialect: Dialect): string {
  const code = [...tokens(statement, dialect)]
    .filter(({ kind }) => kind !== "comment")
    .map(({ text }) => text.replace(/\/\*M?!\d*|\*\//g, " "))
    .join("");
  return code.replace(/^[\s(;]+/, "").toLowerCase();
}

export interface Bound {
  text: string;
  values: unknown[];
}

/**
 * The statement with `:name` turned into what the database binds by. With a list of parameters, or none, it stays as it
 * is. Throws a DoNotRetry for a name without a value.
 */
export function bind(
  statement: string,
  params: readonly unknown[] | Readonly<Record<string, unknown>> | undefined,
  dialect: Dialect,
): Bound {
  if (params === undefined) return { text: statement, values: [] };
  if (Array.isArray(params)) return { text: statement, values: [...params] };
  const named = params as Record<string, unknown>;
  const values: unknown[] = [];
  const places = new Map<string, string>();
  let text = "";
  for (const { kind, text: token } of tokens(statement, dialect)) {
    if (kind !== "parameter") {
      text += token;
      continue;
    }
    const name = token.slice(1);
    if (!Object.hasOwn(named, name))
      throw new DoNotRetry(`input.params.${name} is missing: the statement names :${name}.`);
    let place = places.get(name);
    if (place === undefined || dialect === "mysql") {
      values.push(named[name]);
      place = dialect === "mysql" ? "?" : `$${values.length}`;
      places.set(name, place);
    }
    text += place;
  }
  return { text, values };
}

interface Token {
  kind: "comment" | "quoted" | "parameter" | "code";
  text: string;
}

/**
 * What is no code, in order of precedence. A `:` that follows a word, a bracket or another `:` is a cast, a slice or
 * an assignment.
 */
const PATTERNS: Record<Dialect, RegExp> = {
  postgres: new RegExp(
    [
      /(?<comment>--[^\n]*|\/\*)/,
      /(?<quoted>\b[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?\$\k<tag>\$)/,
      /(?<parameter>(?<![:\w\])]):[A-Za-z_]\w*)/,
    ]
      .map(({ source }) => source)
      .join("|"),
    "g",
  ),
  mysql: new RegExp(
    [
      /(?<comment>--(?=\s|$)[^\n]*|#[^\n]*|\/\*)/,
      /(?<quoted>'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*"|`(?:[^`]|``)*`)/,
      /(?<parameter>(?<![:\w\])]):[A-Za-z_]\w*)/,
    ]
      .map(({ source }) => source)
      .join("|"),
    "g",
  ),
};

/** The statement in pieces that make it up again. */
function* tokens(statement: string, dialect: Dialect): Generator<Token> {
  const pattern = new RegExp(PATTERNS[dialect]);
  let at = 0;
  for (let match = pattern.exec(statement); match !== null; match = pattern.exec(statement)) {
    if (match.index > at) yield { kind: "code", text: statement.slice(at, match.index) };
    const { comment, quoted } = match.groups ?? {};
    at = comment === "/*" ? endOfComment(statement, match.index, dialect) : match.index + match[0].length;
    pattern.lastIndex = at;
    const kind = comment !== undefined ? "comment" : quoted !== undefined ? "quoted" : "parameter";
    // MySQL runs what stands in a comment like this.
    const isCode = dialect === "mysql" && /^\/\*M?!/.test(statement.slice(match.index, match.index + 4));
    yield { kind: isCode ? "code" : kind, text: statement.slice(match.index, at) };
  }
  if (at < statement.length) yield { kind: "code", text: statement.slice(at) };
}

/** Comments of PostgreSQL hold others. */
function endOfComment(statement: string, start: number, dialect: Dialect): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = start + 2;
  let depth = 1;
  for (let match = mark.exec(statement); match !== null; match = mark.exec(statement)) {
    if (match[0] === "*/") depth--;
    else if (dialect === "postgres") depth++;
    if (depth === 0) return mark.lastIndex;
  }
  return statement.length;
}
