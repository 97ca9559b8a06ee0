/** Which argument a GraphQL error is about. GraphQL says it in words and source positions; clients want its name. */
import { type ASTNode, BREAK, type GraphQLError, Kind, parse, visit } from "graphql";

type Path = (string | number)[];

/** `input[2].retry.fixed.delay`; the `input` that nearly every mutation's arguments stand in is left out. */
export function faultyField(error: GraphQLError): string | undefined {
  const [node] = error.nodes ?? [];
  const body = error.source?.body ?? node?.loc?.source.body;
  if (body === undefined || node?.loc === undefined) return undefined;
  const document = parse(body);
  const place =
    node.kind === Kind.VARIABLE_DEFINITION
      ? [...(usageOf(document, node.variable.name.value) ?? []), ...insideVariable(error.message)]
      : placeOf(document, node.loc.start, node.loc.end);
  const missing = namedIn(error.message);
  const path = missing === undefined || place.at(-1) === missing ? place : [...place, missing];
  return path.length === 0 ? undefined : written(path);
}

function written(path: Path): string {
  const [first, second] = path;
  const shown = first === "input" && typeof second === "string" ? path.slice(1) : path;
  return shown.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? part : `${text}.${part}`;
  }, "");
}

/** `Variable "$input" got invalid value … at "input.retry.off"; …`, after the variable's own name. */
function insideVariable(message: string): Path {
  const at = /^Variable "\$[^"]*" got invalid value .* at "([^"]*)"; /s.exec(message)?.[1] ?? "";
  const parts = at.match(/[^.[\]]+/g) ?? [];
  return parts.slice(1).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** An input field or argument that is missing or unknown, which no position in the source stands for. */
function namedIn(message: string): string | undefined {
  const [, one, other, argument] =
    /(?:^|; )Field "(?:\w+\.)?(\w+)" (?:of required type .* was not provided|is not defined by type)|(?:^|; )Field "(\w+)" is not defined by type|(?:^Argument|^Field "\w+" argument) "(\w+)" (?:of type|of required type)/.exec(
      message,
    ) ?? [];
  return one ?? other ?? argument;
}

/** Where in the arguments a position of the source is. */
function placeOf(document: ASTNode, start: number, end: number): Path {
  return (
    findPlace(
      document,
      (node) => node.loc !== undefined && node.loc.start === start && node.loc.end === end,
    ) ?? []
  );
}

/** Where in the arguments a variable is used first. */
function usageOf(document: ASTNode, variable: string): Path | null {
  return findPlace(
    document,
    (node, parent) =>
      node.kind === Kind.VARIABLE &&
      node.name.value === variable &&
      !isList(parent) &&
      parent?.kind !== Kind.VARIABLE_DEFINITION,
  );
}

type Step = ASTNode | readonly ASTNode[];

/** The names of the arguments and input fields around the first node that matches, and its places in lists. */
function findPlace(
  document: ASTNode,
  matches: (node: ASTNode, parent: Step | undefined) => boolean,
): Path | null {
  let found: Path | null = null;
  visit(document, {
    enter(node, _key, parent, _path, ancestors) {
      if (found !== null) return BREAK;
      if (!matches(node, parent)) return undefined;
      const steps: Step[] = [...ancestors, ...(parent ? [parent] : []), node];
      found = steps.flatMap((step, at) => partOf(step, steps[at - 1], steps[at + 1]));
      return BREAK;
    },
  });
  return found;
}

function partOf(step: Step, owner: Step | undefined, next: Step | undefined): Path {
  if (isList(step)) return isList(owner) || owner?.kind !== Kind.LIST ? [] : [step.indexOf(next as ASTNode)];
  return step.kind === Kind.ARGUMENT || step.kind === Kind.OBJECT_FIELD ? [step.name.value] : [];
}

const isList = (step: Step | undefined): step is readonly ASTNode[] => Array.isArray(step);
