/** `escapement triggers`: the triggers there are; one paused, resumed, or fired at once. */
import type { Command } from "commander";
import { ALL, readList } from "./paging.ts";
import { RUN, type RunAnswer } from "./run-answer.ts";
import { asking, documented, type Session } from "./session.ts";
import { readJson, readWord } from "./values.ts";

interface TriggerAnswer {
  namespace: string;
  name: string;
  job: { name: string };
  group: string;
  state: string;
  reason: string | null;
  scheduleInWords: string;
  nextFireAt: string | null;
  lastFireAt: string | null;
}

const TRIGGER = "namespace name job { name } group state reason scheduleInWords nextFireAt lastFireAt";

export function triggers(command: Command): void {
  documented(
    command,
    "escapement triggers --job hello\nescapement triggers pause every-minute --reason maintenance",
  );
  documented(
    command
      .command("list", { isDefault: true })
      .description("list them, by name")
      .option("-j, --job <name>", "only of this job")
      .option("--group <name>", "only of this group of triggers")
      .option("-s, --state <state>", "only in this state: normal, paused, blocked, complete, error")
      .option("--search <text>", "only with this text in their name"),
    "escapement triggers --state paused",
  ).action(asking(list));
  documented(
    command
      .command("pause <name>")
      .description("keep it from firing")
      .option("-r, --reason <text>", "why")
      .option("--until <time>", "when it goes on by itself, such as 2030-01-31T08:00:00Z"),
    "escapement triggers pause every-minute --until 2030-01-31T08:00:00Z",
  ).action(asking(pause));
  documented(
    command
      .command("resume <name>")
      .description("let it fire again")
      .option(
        "--missed <policy>",
        "what becomes of the times that passed meanwhile: skip, fire-once, fire-all; without it the trigger's own policy",
        readWord,
      ),
    "escapement triggers resume every-minute --missed skip",
  ).action(asking(resume));
  documented(
    command
      .command("fire <name>")
      .description("start a run of its job at once, with its input")
      .option("-i, --input <json>", "instead of the trigger's: JSON, or @file")
      .option("--key <text>", "the same request with the same key starts nothing new"),
    "escapement triggers fire every-minute",
  ).action(asking(fire));
}

interface ListOptions {
  job?: string;
  group?: string;
  state?: string;
  search?: string;
}

async function list(
  { client, out, json, namespaceShown }: Session,
  { state, ...filter }: ListOptions,
): Promise<void> {
  const found = await readList<TriggerAnswer>(
    client,
    "triggers",
    `query ($namespace: String, $filter: TriggerFilter, $first: Int, $after: String) {
      triggers(namespace: $namespace, filter: $filter, first: $first, after: $after) {
        nodes { ${TRIGGER} } pageInfo { hasNextPage endCursor }
      }
    }`,
    { namespace: namespaceShown, filter: { ...filter, state: state && readWord(state) } },
    ALL,
  );
  if (json) return out.json(found);
  out.table(
    ["NAMESPACE", "TRIGGER", "JOB", "STATE", "SCHEDULE", "LAST FIRE", "NEXT FIRE"],
    found.map((trigger) => [
      trigger.namespace,
      trigger.name,
      trigger.job.name,
      out.word(trigger.state),
      trigger.scheduleInWords,
      out.time(trigger.lastFireAt),
      trigger.nextFireAt === null ? (trigger.reason ?? "") : out.time(trigger.nextFireAt),
    ]),
    "No triggers.",
  );
}

async function pause(
  session: Session,
  name: string,
  { reason, until }: { reason?: string; until?: string },
): Promise<void> {
  const { pauseTrigger } = await session.client.ask<{ pauseTrigger: TriggerAnswer }>(
    `mutation ($namespace: String!, $name: String!, $reason: String, $until: DateTime) {
      pauseTrigger(namespace: $namespace, name: $name, reason: $reason, until: $until) { ${TRIGGER} }
    }`,
    { namespace: await session.namespace(), name, reason, until },
  );
  tell(session, pauseTrigger);
}

async function resume(session: Session, name: string, { missed }: { missed?: string }): Promise<void> {
  const { resumeTrigger } = await session.client.ask<{ resumeTrigger: TriggerAnswer }>(
    `mutation ($namespace: String!, $name: String!, $missed: MisfirePolicy) {
      resumeTrigger(namespace: $namespace, name: $name, missed: $missed) { ${TRIGGER} }
    }`,
    { namespace: await session.namespace(), name, missed },
  );
  tell(session, resumeTrigger);
}

/** A trigger that another pause is about, of its group or namespace, is still paused after its own was lifted. */
function tell({ out, json }: Session, trigger: TriggerAnswer): void {
  const next = trigger.nextFireAt === null ? "" : `, next fire ${out.time(trigger.nextFireAt)}`;
  if (json) out.json(trigger);
  else out.line(`${out.colors.green("✔")} Trigger ${trigger.name} is ${out.word(trigger.state)}${next}`);
}

async function fire(
  session: Session,
  name: string,
  { input, key }: { input?: string; key?: string },
): Promise<void> {
  const { client, out, json } = session;
  const { fireTrigger } = await client.ask<{ fireTrigger: RunAnswer }>(
    `mutation ($namespace: String!, $name: String!, $input: JSON, $key: String) {
      fireTrigger(namespace: $namespace, name: $name, input: $input, idempotencyKey: $key) { ${RUN} }
    }`,
    {
      namespace: await session.namespace(),
      name,
      key,
      input: input === undefined ? undefined : readJson(input, "--input"),
    },
  );
  if (json) return out.json(fireTrigger);
  const { id, job, state } = fireTrigger;
  out.line(`${out.colors.green("✔")} Run ${id} of ${job.name} is ${out.word(state)}`);
}
