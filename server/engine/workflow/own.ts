/**
 * What the control plane's own runs do when they are taken: workflows and nodes that run jobs have their members looked
 * at, nodes that have decided end, and those that wait for somebody stay.
 */
import type { EngineContext } from "../context.ts";
import type { Engine } from "../engine.ts";
import { type Departure, leave } from "../leave.ts";
import type { Conduct } from "./advance.ts";
import { checkDependents } from "./dependents.ts";
import { departure } from "./finish.ts";
import { collectJoins } from "./joins.ts";
import { notify } from "./notify.ts";
import { type Taken, takeOwn } from "./take.ts";
import { answerSignals } from "./waits.ts";

/** Takes what is ready until nothing is. */
export async function conductReady(
  context: EngineContext,
  start: Engine["start"],
  conduct: Conduct,
): Promise<void> {
  for (let taken = await takeOwn(context); taken.length > 0; taken = await takeOwn(context)) {
    await begin(context, start, conduct, taken);
  }
}

async function begin(
  context: EngineContext,
  start: Engine["start"],
  conduct: Conduct,
  taken: Taken[],
): Promise<void> {
  const of = (...kinds: string[]): Taken[] =>
    taken.filter(({ version: { workflow, control } }) =>
      kinds.includes(workflow ? "root" : (control?.kind ?? "")),
    );
  await notify(
    context,
    start,
    of("root").flatMap(({ id, version, fence, scheduledAt }) =>
      fence > 1 ? [] : [{ run: { id, fence, version, scheduledAt }, event: "STARTED" as const }],
    ),
  );
  const decided = [
    ...of("switch", "conditions"),
    ...of("wait").filter(
      ({ version }) => version.control?.kind === "wait" && version.control.signal === undefined,
    ),
  ];
  const ends: Departure[] = [
    // What they were given is what they have decided.
    ...decided.map((run) =>
      departure({ ...run, cancelRequested: false }, "SUCCEEDED", { output: outputOf(run) }),
    ),
    ...(await collectJoins(context, of("join"))),
  ];
  await leave(context, ends, `${context.serverId}/workflow`);
  const signalled = of("wait").flatMap(({ id, parentId, version }) =>
    version.control?.kind === "wait" && version.control.signal !== undefined && parentId !== null
      ? [{ id, parentId }]
      : [],
  );
  if (signalled.length > 0)
    await answerSignals(
      context,
      signalled.map(({ id }) => id),
    );
  if (of("dependent").length > 0)
    await checkDependents(
      context,
      of("dependent").map(({ id }) => id),
    );
  const members = of("root", "workflow", "dynamic");
  await conduct(members.map(({ id }) => ({ runId: id, memberIds: [] })));
}

const outputOf = ({ version, input }: Taken): string | null =>
  version.control?.kind === "wait" ? null : input;
