/** Whether two values of an input type mean the same: defaults filled in, durations and times by what they are. */
import {
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNullableType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredInputField,
} from "graphql";
import { DAY_MS, parseDuration } from "../../core/duration.ts";

export interface Change {
  field: string;
  /** Undefined: it is not set. */
  from: unknown;
  to: unknown;
}

export interface CompareOptions {
  /** A day is 24 hours: true of every duration but those of a calendar's steps. */
  daysAreHours: boolean;
}

/** The fields in which two values differ; `only` of these. */
export function changesBetween(
  { input, object }: { input: GraphQLInputObjectType; object: GraphQLObjectType },
  before: Record<string, unknown>,
  after: Record<string, unknown>,
  only: string[],
  options: CompareOptions,
): Change[] {
  const fields = input.getFields();
  return only.flatMap((name) => {
    const field = fields[name];
    if (field === undefined) return [];
    const type = field.type;
    const alwaysThere = isNonNullType(object.getFields()[name]?.type);
    const [from, to] = [before[name], after[name]].map((value) => filled(field, value, alwaysThere));
    const isSame =
      JSON.stringify(canonical(type, from, options)) === JSON.stringify(canonical(type, to, options));
    return isSame ? [] : [{ field: name, from: before[name], to: after[name] }];
  });
}

/** What clears a field, or sets it to what it is without being named. */
export function resetOf(field: GraphQLInputField, alwaysThere: boolean): unknown {
  const value = filled(field, undefined, alwaysThere);
  if (value !== undefined) return value;
  const type = getNullableType(field.type);
  if (isListType(type)) return [];
  if (isInputObjectType(type) && type.isOneOf && type.getFields().inherit !== undefined)
    return { inherit: true };
  return null;
}

/** The value, or what stands for it when it is not named. `alwaysThere`: what is given back is never null. */
function filled(field: GraphQLInputField, value: unknown, alwaysThere: boolean): unknown {
  if (value != null) return value;
  if (field.defaultValue !== undefined) return field.defaultValue ?? undefined;
  const type = getNullableType(field.type);
  const isOptional =
    isInputObjectType(type) && !type.isOneOf && !Object.values(type.getFields()).some(isRequiredInputField);
  return alwaysThere && isOptional ? {} : undefined;
}

/** A form in which equal values are equal as JSON. */
function canonical(type: GraphQLInputType, value: unknown, options: CompareOptions): unknown {
  if (value == null) return null;
  if (isNonNullType(type)) return canonical(type.ofType, value, options);
  if (isListType(type)) {
    const items: unknown[] = Array.isArray(value) ? value : [value];
    // A list that is not named is given back as an empty one.
    return items.length === 0 ? null : items.map((item) => canonical(type.ofType, item, options));
  }
  if (isInputObjectType(type)) {
    const given = value as Record<string, unknown>;
    if (type.isOneOf && given.inherit === true) return null;
    const members = Object.values(type.getFields()).map((field): [string, unknown] => {
      const member = type.isOneOf ? given[field.name] : filled(field, given[field.name], false);
      return [field.name, canonical(field.type, member, options)];
    });
    return Object.fromEntries(members.filter(([, member]) => member !== null));
  }
  if (type.name === "Duration" && typeof value === "string") return durationOf(value, options);
  if (type.name === "DateTime" && typeof value === "string") return Date.parse(value);
  return type.name === "JSON" ? sorted(value) : value;
}

function durationOf(text: string, { daysAreHours }: CompareOptions): unknown {
  const { months, days, ms } = parseDuration(text);
  return daysAreHours ? [months, days * DAY_MS + ms] : [months, days, ms];
}

/** Objects with their members in one order: the order means nothing, and a database may change it. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
