/** What can be defined in a file: three kinds, whose fields the server's schema tells. */
import {
  buildClientSchema,
  type GraphQLInputObjectType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getIntrospectionQuery,
  type IntrospectionQuery,
  isInputObjectType,
  isObjectType,
} from "graphql";
import type { Client } from "../client.ts";
import { Failure } from "../failure.ts";

/** In the order in which they are applied: each names only those before it, and others of its own kind. */
export const KINDS = ["calendar", "job", "trigger"] as const;
export type Kind = (typeof KINDS)[number];

/** Other words for a kind. */
const ALIASES: Record<string, Kind> = { workflow: "job" };
export const KIND_WORDS = [...KINDS, ...Object.keys(ALIASES)];

/** In any letter case, and in the plural too; null for a word that is no kind. */
export function kindOf(word: string): Kind | null {
  const given = word.toLowerCase();
  const singular = KIND_WORDS.find((known) => given === known || given === `${known}s`);
  return singular === undefined ? null : (ALIASES[singular] ?? (singular as Kind));
}

/** What the schema says of one kind. */
export interface KindTypes {
  kind: Kind;
  /** `Job`: in the names of its types and mutations. */
  noun: string;
  input: GraphQLInputObjectType;
  patch: GraphQLInputObjectType;
  object: GraphQLObjectType;
  /** Names of arguments that not every kind's mutations have: `dryRun`, `version`. */
  createArguments: ReadonlySet<string>;
  updateArguments: ReadonlySet<string>;
}

/** The schema of the server itself, so that a newer server's fields are known too. */
export async function readSchema(client: Client): Promise<GraphQLSchema> {
  const query = getIntrospectionQuery({ descriptions: false, oneOf: true });
  return buildClientSchema(await client.ask<IntrospectionQuery>(query));
}

/** Throws a Failure when the server is not one that knows the kind. */
export function typesOf(schema: GraphQLSchema, kind: Kind): KindTypes {
  const noun = `${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
  const [input, patch, object] = [`${noun}Input`, `${noun}Patch`, noun].map((name) => schema.getType(name));
  if (!isInputObjectType(input) || !isInputObjectType(patch) || !isObjectType(object))
    throw new Failure(`The server knows no ${kind}s; it may be of another version.`, 2);
  const argumentsOf = (mutation: string) =>
    new Set(
      schema
        .getMutationType()
        ?.getFields()
        [mutation]?.args.map(({ name }) => name),
    );
  return {
    kind,
    noun,
    input,
    patch,
    object,
    createArguments: argumentsOf(`create${noun}`),
    updateArguments: argumentsOf(`update${noun}`),
  };
}
