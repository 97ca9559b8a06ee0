/** SQL tasks: statements whose parameters are bound. */
import { type NodeContext, type NodeKind, textOf } from "../context.ts";
import { numberOf, unfolded } from "../json.ts";
import { text, word } from "../readers.ts";
import { referenceTo } from "../template.ts";
import { connectionOf } from "./data-source.ts";

export function sql(context: NodeContext): NodeKind {
  const { params } = context.task;
  const connection = connectionOf(context);
  const bound = new Map<string, string>();
  const statement = boundIn(context, text(params, "sql", "input.statement"), "taskParams.sql", bound);
  const many = (name: string) => {
    const reader = (value: unknown) => {
      const list = unfolded(value);
      return Array.isArray(list) && list.every((each) => typeof each === "string") ? list : null;
    };
    const texts: string[] = params.read(name, `input.${name}`, reader, "a list of texts") ?? [];
    return texts.map((each) => boundIn(context, each, `taskParams.${name}`, bound));
  };
  const [preStatements, postStatements] = [many("preStatements"), many("postStatements")];
  leaveMail(context);
  return {
    type: "sql",
    input: {
      connection,
      statement,
      ...(bound.size === 0 ? {} : { params: Object.fromEntries(bound) }),
      ...(preStatements.length === 0 ? {} : { preStatements }),
      ...(postStatements.length === 0 ? {} : { postStatements }),
    },
  };
}

/** `${name}`, with the quotes around it that DolphinScheduler takes away; and `!{name}`, which it puts in as it is. */
const PLACEHOLDER = /(['"]*)\$\{([^}]*)\}(['"]*)|'?!\{([^}]*)\}'?/g;

/** The statement with `:name` for what is bound, which is added to `bound`. */
function boundIn(
  context: NodeContext,
  given: string | undefined,
  field: string,
  bound: Map<string, string>,
): string {
  if (given === undefined) return "";
  let statement = "";
  let from = 0;
  for (const { index, 0: whole, 2: name, 4: raw } of given.matchAll(PLACEHOLDER)) {
    statement += textOf(context, given.slice(from, index), field);
    if (raw !== undefined) statement += splicedOf(context, raw, field);
    else
      statement += placeholderOf(context, name?.trim() ?? "", field, bound) ?? textOf(context, whole, field);
    from = index + whole.length;
  }
  return statement + textOf(context, given.slice(from), field);
}

function splicedOf({ task, scope }: NodeContext, name: string, field: string): string {
  const note = `!{${name}} is put into the statement as text before the worker gets it, and not bound`;
  task.entries.push({ field, outcome: "different", to: "input.statement", note });
  return referenceTo(name, scope) ?? `\${${name.trim()}}`;
}

/** Null for what is no parameter's name. One that nothing declares may come with the start. */
function placeholderOf(
  { task, scope }: NodeContext,
  name: string,
  field: string,
  bound: Map<string, string>,
): string | null {
  const reference = referenceTo(name, scope);
  if (reference === null) {
    if (!/^[\p{L}_][\p{L}\p{N}_-]*$/u.test(name)) return null;
    const note = `no parameter of the process is called ${name}: it has to come with the start`;
    task.entries.push({ field, outcome: "different", to: "input.params", note });
  }
  const value = reference ?? `\${${name}}`;
  const placeholder = wordOf(name, value, bound);
  bound.set(placeholder, value);
  return `:${placeholder}`;
}

/** What a statement can have after its colon, and no other value has. */
function wordOf(name: string, value: string, bound: ReadonlyMap<string, string>): string {
  const word = name.replace(/\W+/g, "_").replace(/^(?![A-Za-z_])/, "p");
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? word : `${word}_${number}`;
    if ((bound.get(candidate) ?? value) === value) return candidate;
  }
}

/** A query's result is the node's output; mailing it is another node's work. */
function leaveMail({ task: { params } }: NodeContext): void {
  word(params, "sqlType", "input.statement", SQL_TYPES);
  for (const name of ["sendEmail", "sendAlert"]) params.leave(name, MAIL, params.peek(name) !== true);
  for (const name of ["showType", "title", "receivers", "receiversCc", "groupId"]) {
    const value = params.peek(name);
    params.leave(name, MAIL, value === undefined || value === "" || numberOf(value) === 0);
  }
  params.leave("displayRows", "all rows are in the log's stead in the output, or in a file");
  params.leave("limit", "all rows are in the output, or in a file");
  params.leave("connParams", "settings of a connection are the worker's");
  params.leave("udfs", "functions have to be there in the database");
  params.leave("sqlSource", "the statement is in the definition", params.peek("sqlSource") !== "FILE");
  params.leave("sqlResource", "a file of the resource centre: put the statement into the definition");
  params.leave("segmentSeparator", "give one statement a node, or use preStatements and postStatements");
}

/** Queries and others: here both are sent in one way. */
const SQL_TYPES = new Map([
  ["0", "query"],
  ["1", "other"],
]);

const MAIL = "results are not mailed: they are the node's output, and a node after it can send them";
