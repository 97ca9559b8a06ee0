/** Makes the server have a definition as its document says it: created, updated, or left as it is. */
import { isNonNullType } from "graphql";
import type { Client, Variables } from "../client.ts";
import { type Change, changesBetween, resetOf } from "./compare.ts";
import { type Answer, answerOf, type Current, readAnswer, readCurrent } from "./current.ts";
import type { Definition } from "./definition.ts";
import type { KindTypes } from "./kinds.ts";
import { needs } from "./order.ts";
import { readableFields } from "./read-back.ts";

export interface Outcome {
  action: "created" | "updated" | "unchanged";
  changes: Change[];
}

export interface ReconcileOptions {
  /** Say what would be done, and change nothing. */
  dryRun: boolean;
  /** Ids of what a dry run would have created so far: the server does not know it. */
  pending: ReadonlySet<string>;
}

/** Throws Refused, of a field of the document where one is at fault. */
export async function reconcile(
  client: Client,
  definition: Definition,
  options: ReconcileOptions,
): Promise<Outcome> {
  const current = await readCurrent(client, definition.types, definition.namespace, definition.name);
  if (current === null) {
    await create(client, definition, options);
    return { action: "created", changes: [] };
  }
  const changes = [
    ...(await update(client, definition, current, options)),
    ...(await pauseAsWanted(client, definition, current, options)),
  ];
  return { action: changes.length === 0 ? "unchanged" : "updated", changes };
}

async function create(
  client: Client,
  definition: Definition,
  { dryRun, pending }: ReconcileOptions,
): Promise<void> {
  const { types, value, namespace, name } = definition;
  const { noun, createArguments } = types;
  if (!dryRun) {
    return void (await client.ask(
      `mutation ($input: ${noun}Input!) { create${noun}(input: $input) { version } }`,
      {
        input: value,
      },
    ));
  }
  const waits = needs(definition).some((id) => pending.has(id));
  if (createArguments.has("dryRun") && !waits) {
    await client.ask(
      `mutation ($input: ${noun}Input!) { create${noun}(input: $input, dryRun: true) { version } }`,
      { input: value },
    );
  } else if (types.kind === "trigger") {
    // What it names is not there yet, so that the schedule is all that can be looked at.
    await client.ask(
      "query ($namespace: String, $name: String, $schedule: ScheduleInput!) { describeSchedule(namespace: $namespace, name: $name, schedule: $schedule) }",
      { namespace, name, schedule: value.schedule },
    );
  }
}

/** What changed, or in a dry run would. */
async function update(
  client: Client,
  definition: Definition,
  current: Current,
  { dryRun, pending }: ReconcileOptions,
): Promise<Change[]> {
  const { types, value } = definition;
  const { noun, patch: patchType, updateArguments } = types;
  const canTry = updateArguments.has("dryRun");
  const options = { daysAreHours: !canTry };
  const patchable = Object.keys(patchType.getFields());
  const readable = readableFields(types.input, types.object).filter((name) => patchable.includes(name));
  const changes = changesBetween(types, current.value, value, readable, options);
  // What cannot be read back is sent along; whether it changes anything, the version tells.
  const unread = patchable.filter((name) => !readable.includes(name) && value[name] !== undefined);
  if (changes.length + unread.length === 0) return [];
  const patch = Object.fromEntries(
    [...changes.map(({ field }) => field), ...unread].map((name) => [
      name,
      valueOrReset(types, name, value[name]),
    ]),
  );

  const ask = async (patch: Variables, tryOnly: boolean): Promise<Current> => {
    const args = [tryOnly && "dryRun: true", updateArguments.has("version") && "version: $version"].filter(
      Boolean,
    );
    const { [`update${noun}`]: answer } = await client.ask<Record<string, Answer>>(
      `mutation ($namespace: String!, $name: String!, $input: ${noun}Patch!${updateArguments.has("version") ? ", $version: Int" : ""}) {
        update${noun}(${["namespace: $namespace", "name: $name", "input: $input", ...args].join(", ")}) { ${answerOf(types)} }
      }`,
      { namespace: definition.namespace, name: definition.name, input: patch, version: current.version },
    );
    if (answer === undefined) throw new Error(`update${noun} gave no answer`);
    return readAnswer(types, answer);
  };

  const waits = needs(definition).some((id) => pending.has(id));
  if (!canTry) {
    if (dryRun) return changes;
    const { version } = await ask(patch, false);
    return version === current.version ? [] : changes;
  }
  if (dryRun && waits) return changes;
  const tried = await ask(patch, true);
  // What is not named and the server fills in by itself, such as the start of a fixed rate, stays as it is.
  const kept = changes.filter(
    ({ field }) => value[field] !== undefined || tried.value[field] === undefined || hasReset(types, field),
  );
  const names = kept.map(({ field }) => field);
  const real = changesBetween(types, current.value, tried.value, names, options);
  if (real.length + unread.length === 0 || dryRun) return real;
  const sent = [...real.map(({ field }) => field), ...unread];
  const { version } = await ask(Object.fromEntries(sent.map((name) => [name, patch[name]])), false);
  return version === current.version ? [] : real;
}

/** Whether a field that is not named has a value all the same. */
const hasReset = (types: KindTypes, name: string): boolean => valueOrReset(types, name, undefined) !== null;

function valueOrReset({ input, object }: KindTypes, name: string, value: unknown): unknown {
  if (value !== undefined) return value;
  const field = input.getFields()[name];
  if (field === undefined) return null;
  return resetOf(field, isNonNullType(object.getFields()[name]?.type));
}

/** A document that does not say whether its trigger is paused leaves that to those who pause and resume. */
async function pauseAsWanted(
  client: Client,
  { types, namespace, name, value: { paused } }: Definition,
  current: Current,
  { dryRun }: ReconcileOptions,
): Promise<Change[]> {
  if (types.kind !== "trigger" || typeof paused !== "boolean" || paused === current.paused) return [];
  if (!dryRun) {
    const mutation = paused ? "pauseTrigger" : "resumeTrigger";
    await client.ask(
      `mutation ($namespace: String!, $name: String!) { ${mutation}(namespace: $namespace, name: $name) { id } }`,
      { namespace, name },
    );
  }
  return [{ field: "paused", from: current.paused, to: paused }];
}
