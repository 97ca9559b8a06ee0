/** What the server has: of one definition, and the names of all of a kind. */
import type { Client } from "../client.ts";
import { ALL, readList } from "../paging.ts";
import type { KindTypes } from "./kinds.ts";
import { readBack, selectionOf } from "./read-back.ts";

/** What the server has of a definition. */
export interface Current {
  value: Record<string, unknown>;
  version: number;
  /** Of triggers: paused by itself, and not only with others. */
  paused: boolean;
}

/** Null when there is none of that name. `exactly`: throws when a number of it would be another one here. */
export async function readCurrent(
  client: Client,
  types: KindTypes,
  namespace: string,
  name: string,
  { exactly = false } = {},
): Promise<Current | null> {
  const { [types.kind]: found } = await client.ask<Record<string, Answer | null>>(
    `query ($namespace: String!, $name: String!) {
      ${types.kind}(namespace: $namespace, name: $name) { ${answerOf(types)} }
    }`,
    { namespace, name },
    { exactly },
  );
  return found ? readAnswer(types, found) : null;
}

export type Answer = Record<string, unknown> & { version: number; pauses?: { kind: string }[] };

export function answerOf({ input, object }: KindTypes): string {
  const pauses = object.getFields().pauses === undefined ? "" : "pauses { kind }";
  return `${selectionOf(input, object)} version ${pauses}`;
}

export function readAnswer({ input, object }: KindTypes, answer: Answer): Current {
  return {
    value: readBack(input, object, answer),
    version: answer.version,
    paused: answer.pauses?.some(({ kind }) => kind === "TRIGGER") ?? false,
  };
}

/** Names of what the namespace has of a kind. */
export async function namesOf(client: Client, { kind }: KindTypes, namespace: string): Promise<string[]> {
  const found = await readList<{ name: string }>(
    client,
    `${kind}s`,
    `query ($namespace: String, $first: Int, $after: String) {
      ${kind}s(namespace: $namespace, first: $first, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
    }`,
    { namespace },
    ALL,
  );
  return found.map(({ name }) => name);
}

export async function remove(
  client: Client,
  { noun }: KindTypes,
  namespace: string,
  name: string,
): Promise<void> {
  await client.ask(
    `mutation ($namespace: String!, $name: String!) { delete${noun}(namespace: $namespace, name: $name) }`,
    { namespace, name },
  );
}
