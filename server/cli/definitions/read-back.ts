/**
 * What the server answers about a thing, turned back into the input that would make it. Fields are matched by their
 * names, so that a field that the schema gains is read back without a change here.
 */
import {
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isUnionType,
} from "graphql";

/** A field of an input type and what has its value in the answer. */
interface Pairing {
  field: GraphQLInputField;
  select: string;
  /** From the object of the answer to the input's value; undefined: it is not set. */
  read(object: Record<string, unknown>): unknown;
}

/** How many inputs may stand within one another. */
const DEPTH = 10;

/** What to ask of an object to know the values of the input type's fields. */
export function selectionOf(input: GraphQLInputObjectType, object: GraphQLObjectType): string {
  return pairings(input, object, 0)
    .map(({ select }) => select)
    .join(" ");
}

/** Fields of the input type that the answer has. */
export const readableFields = (input: GraphQLInputObjectType, object: GraphQLObjectType): string[] =>
  pairings(input, object, 0).map(({ field }) => field.name);

/** The input's value that an answer stands for, without what is not set. */
export function readBack(
  input: GraphQLInputObjectType,
  object: GraphQLObjectType,
  answer: Record<string, unknown>,
  depth = 0,
): Record<string, unknown> {
  const values = pairings(input, object, depth).map(({ field, read }): [string, unknown] => [
    field.name,
    read(answer),
  ]);
  return Object.fromEntries(values.filter(([, value]) => value != null));
}

function pairings(input: GraphQLInputObjectType, object: GraphQLObjectType, depth: number): Pairing[] {
  if (depth > DEPTH) return [];
  const given = object.getFields();
  return Object.values(input.getFields()).flatMap((field) => {
    const output = given[field.name];
    if (output === undefined || output.args.some(isRequiredArgument)) return [];
    const pairing = pairingOf(field, output.type, depth);
    if (pairing === null) return [];
    const inherited = `${field.name}Inherited`;
    if (given[inherited] === undefined) return [pairing];
    const read = (answer: Record<string, unknown>) =>
      answer[inherited] === true ? undefined : pairing.read(answer);
    return [{ ...pairing, select: `${pairing.select} ${inherited}`, read }];
  });
}

function pairingOf(field: GraphQLInputField, type: GraphQLOutputType, depth: number): Pairing | null {
  const { name } = field;
  const input = getNamedType(field.type);
  const output = getNamedType(type);
  const each = (read: (value: never) => unknown) => (object: Record<string, unknown>) =>
    isListType(getNullableType(type)) && Array.isArray(object[name])
      ? object[name].map((item) => (item == null ? null : read(item as never)))
      : object[name] == null
        ? undefined
        : read(object[name] as never);
  if (isLeafType(output)) return { field, select: name, read: (object) => object[name] };
  if (!isInputObjectType(input)) {
    // A text that names something, which is given back as that thing.
    if (!isObjectType(output) || output.getFields().name === undefined) return null;
    return { field, select: `${name} { name }`, read: each((thing: { name: string }) => thing.name) };
  }
  if (isObjectType(output)) {
    const select = selectionWithin(input, output, depth);
    if (select === "") return null;
    return {
      field,
      select: `${name} { ${select} }`,
      read: each((value) => readBack(input, output, value, depth + 1)),
    };
  }
  if (isUnionType(output) && input.isOneOf) {
    const choices = choicesOf(input, output.getTypes(), depth);
    const fragments = choices.map(({ member, select }) => `... on ${member.name} { ${select} }`).join(" ");
    return {
      field,
      select: `${name} { __typename ${fragments} }`,
      read: each((value) => readChoice(choices, value)),
    };
  }
  return null;
}

const selectionWithin = (input: GraphQLInputObjectType, object: GraphQLObjectType, depth: number): string =>
  pairings(input, object, depth + 1)
    .map(({ select }) => select)
    .join(" ");

/** A field of a oneOf input, and the member of the union that stands for it. */
interface Choice {
  field: GraphQLInputField;
  member: GraphQLObjectType;
  select: string;
  read(value: Record<string, unknown>): unknown;
}

function choicesOf(
  input: GraphQLInputObjectType,
  members: readonly GraphQLObjectType[],
  depth: number,
): Choice[] {
  return Object.values(input.getFields()).flatMap((field): Choice[] => {
    const member = members.find(({ name }) => hasWords(name, field.name));
    const type = getNamedType(field.type);
    if (member === undefined) return [];
    if (!isInputObjectType(type)) return [{ field, member, select: "__typename", read: () => true }];
    const renamed = ambiguous(member, members);
    const pairs = pairings(type, member, depth + 1);
    const select = pairs.map(({ field: { name }, select }) =>
      renamed.has(name) ? `${aliasOf(member, name)}: ${select}` : select,
    );
    const read = (value: Record<string, unknown>) => {
      const original = { ...value };
      for (const name of renamed) original[name] = value[aliasOf(member, name)];
      return readBack(type, member, original, depth + 1);
    };
    return [{ field, member, select: select.join(" ") || "__typename", read }];
  });
}

function readChoice(choices: Choice[], value: Record<string, unknown>): unknown {
  const choice = choices.find(({ member }) => member.name === value.__typename);
  return choice === undefined ? undefined : { [choice.field.name]: choice.read(value) };
}

const aliasOf = (member: GraphQLObjectType, name: string): string => `${member.name}_${name}`;

/** Fields that other members of the union have with another type: GraphQL wants them under names of their own. */
function ambiguous(member: GraphQLObjectType, members: readonly GraphQLObjectType[]): Set<string> {
  const others = members.filter((other) => other !== member).map((other) => other.getFields());
  const fields = Object.values(member.getFields());
  return new Set(
    fields
      .filter(({ name, type }) =>
        others.some((other) => other[name] && String(other[name].type) !== String(type)),
      )
      .map(({ name }) => name),
  );
}

/** Whether the words of one name stand in another: `fixedRate` in `FixedRateSchedule`, `off` in `RetryOff`. */
function hasWords(name: string, part: string): boolean {
  const words = (text: string) =>
    ` ${text.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).trim()} `;
  return words(name).includes(words(part));
}
