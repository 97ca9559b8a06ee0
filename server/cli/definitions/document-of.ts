/** A definition as a document: short, in an order in which people read it. */
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
} from "graphql";
import type { Current } from "./current.ts";
import type { KindTypes } from "./kinds.ts";

/** What a definition is about comes first; all else is in the schema's order. */
const FIRST = ["name", "namespace", "description", "tags", "job", "type", "group", "schedule", "rule"];

/** Without what is as it would be unnamed. */
export function documentOf({ noun, input }: KindTypes, { value, paused }: Current): Record<string, unknown> {
  const short = shortened(input, value);
  const names = [...FIRST, ...Object.keys(short)].filter((name) => short[name] !== undefined);
  const ordered = Object.fromEntries(names.map((name) => [name, short[name]]));
  return { kind: noun, ...ordered, ...(paused ? { paused } : {}) };
}

function shortened(type: GraphQLInputObjectType, value: Record<string, unknown>): Record<string, unknown> {
  const members = Object.values(type.getFields()).flatMap((field): [string, unknown][] => {
    const member = value[field.name];
    if (member == null || isDefault(member, field.defaultValue)) return [];
    const short = shortenedValue(field.type, member);
    // As what is chosen of several it says something all the same.
    const saysNothing = !type.isOneOf && field.defaultValue === undefined && isEmpty(field.type, short);
    return saysNothing ? [] : [[field.name, short]];
  });
  return Object.fromEntries(members);
}

function shortenedValue(type: GraphQLInputType, value: unknown): unknown {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return value;
  if (Array.isArray(value)) return value.map((item) => shortenedValue(named, item));
  return shortened(named, value as Record<string, unknown>);
}

function isEmpty(type: GraphQLInputType, value: unknown): boolean {
  const isOurs = isListType(getNullableType(type)) || isInputObjectType(getNullableType(type));
  return isOurs && Object.keys(value as object).length === 0;
}

const isDefault = (value: unknown, byDefault: unknown): boolean =>
  byDefault !== undefined && JSON.stringify(value) === JSON.stringify(byDefault);
