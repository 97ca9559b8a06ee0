/** HTTP tasks: a request, and what of the answer means success. */
import { type NodeContext, type NodeKind, problem, textOf } from "../context.ts";
import { numberOf } from "../json.ts";
import { count, text, word } from "../readers.ts";
import type { Members } from "../report.ts";

export function http(context: NodeContext): NodeKind {
  const { params } = context.task;
  const url = textOf(context, text(params, "url", "input.url") ?? "", "taskParams.url");
  const method = text(params, "httpMethod", "input.method") ?? "GET";
  const { query, headers, fields } = parameters(context);
  const given = text(params, ["httpBody", "body"], "input.body") ?? "";
  const body = given === "" ? undefined : textOf(context, given, "taskParams.httpBody");
  if (body !== undefined && fields !== undefined)
    problem(context, "has a body and parameters that make one; the body is taken");
  params.leave("httpBodyType", "the content-type header says it");
  return {
    type: "http",
    input: {
      url: withQuery(url, query),
      method,
      ...(headers === undefined ? {} : { headers }),
      ...(body !== undefined ? { body } : fields === undefined ? {} : { json: fields }),
      ...expectation(context),
      ...timeout(context),
    },
  };
}

const KINDS = new Map(["PARAMETER", "BODY", "HEADERS"].map((kind) => [kind, kind]));

/** By where they go. */
function parameters(context: NodeContext): {
  query: [string, string][];
  headers?: Members;
  fields?: Members;
} {
  const to = "input.url, input.headers, input.json";
  const given = context.task.params.each("httpParams", to).map((item) => {
    const [name, kind] = [text(item, "prop", to) ?? "", word(item, "httpParametersType", to, KINDS)];
    const value = textOf(context, text(item, "value", to) ?? "", "taskParams.httpParams");
    if (kind === undefined)
      problem(context, `has parameter ${name}, of which is not known where in the request it goes`);
    item.finish();
    return { name, kind, value };
  });
  const of = (wanted: string): [string, string][] =>
    given.filter(({ kind }) => kind === wanted).map(({ name, value }) => [name, value]);
  const [headers, fields] = [of("HEADERS"), of("BODY")];
  const lost = given.filter(({ kind }) => kind === undefined);
  if (lost.length > 0)
    context.task.params.add("httpParams", "[]", { outcome: "unmapped", value: lost, note: "go nowhere" });
  return {
    query: of("PARAMETER"),
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
    ...(fields.length === 0 ? {} : { fields: Object.fromEntries(fields) }),
  };
}

/** References stay as they are; what they become is not encoded. */
function withQuery(url: string, query: [string, string][]): string {
  if (query.length === 0) return url;
  const encoded = (text: string) =>
    text
      .split(/(\$+\{[^}]*\}|\$+\[[^\]]*\])/)
      .map((part, at) => (at % 2 === 1 ? part : encodeURIComponent(part)))
      .join("");
  const pairs = query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&");
  return `${url}${url.includes("?") ? "&" : "?"}${pairs}`;
}

const CHECKS = new Map(
  ["STATUS_CODE_DEFAULT", "STATUS_CODE_CUSTOM", "BODY_CONTAINS", "BODY_NOT_CONTAINS"].map((each) => [
    each,
    each,
  ]),
);

function expectation(context: NodeContext): Members {
  const { params } = context.task;
  const to = "input.expectStatus, input.expectBody";
  const check = word(params, "httpCheckCondition", to, CHECKS);
  const condition = text(params, "condition", to) ?? "";
  // The default there is 200 and nothing else.
  if (check === undefined || check === "STATUS_CODE_DEFAULT") return { expectStatus: 200 };
  if (check === "BODY_CONTAINS")
    return { expectBody: { contains: textOf(context, condition, "taskParams.condition") } };
  if (check === "BODY_NOT_CONTAINS")
    return { expectBody: { notContains: textOf(context, condition, "taskParams.condition") } };
  const status = numberOf(condition.trim());
  if (status !== null) return { expectStatus: status };
  problem(context, `expects the status "${condition}", which is no number`);
  return {};
}

/** There, one for connecting and one for reading; here one for all. */
function timeout({ task: { params } }: NodeContext): Members {
  const note = "one time for connecting and for the answer, in seconds";
  const parts = ["connectTimeout", "socketTimeout"].map((name) =>
    count(params, name, "input.timeoutSeconds", note),
  );
  const ms = parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
  return ms > 0 ? { timeoutSeconds: Math.ceil(ms / 1000) } : {};
}
