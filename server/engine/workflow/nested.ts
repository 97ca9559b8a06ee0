/**
 * Nodes that run jobs: `workflow`, which runs one, and `dynamic`, which runs one for each combination. Their runs are
 * started with a key of each member, so that whoever finds a mark without a run, after a crash, starts that same run.
 */
import { LIMITS } from "../../config.ts";
import { Rejection } from "../../core/rejection.ts";
import { advanceMembers, type MemberStep } from "../../core/workflow/dynamic.ts";
import { NODE_STATES } from "../../core/workflow/state.ts";
import type { Transaction } from "../../store/connection.ts";
import type { EngineContext } from "../context.ts";
import type { Engine } from "../engine.ts";
import type { Departure } from "../leave.ts";
import { settleWaits } from "../release.ts";
import { departure, stopped } from "./finish.ts";
import { type EndedMember, noteMembers, readMembers } from "./members.ts";
import type { OpenRun } from "./open.ts";

/** Members to be started after the commit. */
export interface StartingMembers {
  run: OpenRun;
  places: number[];
}

const LETTERS = { SUCCEEDED: NODE_STATES.SUCCEEDED, CANCELLED: NODE_STATES.CANCELLED };

/** Decides what each of them does next; `lost` are members that were marked and have no run. */
export function moveMembers(
  run: OpenRun,
  ends: EndedMember[],
  lost: readonly number[],
): { step: MemberStep; starting: StartingMembers } {
  const letters = [...run.states];
  for (const { place, state } of ends) {
    letters[place] = LETTERS[state as keyof typeof LETTERS] ?? NODE_STATES.FAILED;
  }
  const { control } = run.version;
  const step = advanceMembers(letters.join(""), {
    maxParallel: control?.kind === "dynamic" ? control.maxParallel : 1,
    suspended: run.suspended,
    cancelled: run.cancelRequested || run.halt !== null,
  });
  for (const place of step.start) letters[place] = NODE_STATES.STARTED;
  run.states = letters.join("");
  const again =
    run.halt === null && !run.cancelRequested ? lost.filter((place) => !step.start.includes(place)) : [];
  return { step, starting: { run, places: [...again, ...step.start] } };
}

/** Places that are marked as started and have no run. */
export async function readLost(transaction: Transaction, runs: OpenRun[]): Promise<Map<string, number[]>> {
  if (runs.length === 0) return new Map();
  const rows = await transaction<{ runId: string; places: number[] }[]>`
    select r.id as "runId", array_agg(p.place::int) as places
    from unnest(${runs.map(({ id }) => id)}::bigint[], ${runs.map(({ states }) => states)}::text[]) as r(id, states)
    cross join generate_series(0, length(r.states) - 1) as p(place)
    where substr(r.states, p.place + 1, 1) = ${NODE_STATES.STARTED}
      and not exists (select from escapement.workflow_member m where m.run_id = r.id and m.place = p.place)
    group by r.id`;
  return new Map(rows.map(({ runId, places }) => [runId, places]));
}

/** Starts members, and makes sure of their ends; what cannot be started is written down for the next look. */
export async function startMembers(
  context: EngineContext,
  start: Engine["start"],
  { run, places }: StartingMembers,
): Promise<void> {
  const { control, namespace } = run.version;
  if (places.length === 0 || (control?.kind !== "workflow" && control?.kind !== "dynamic")) return;
  const inputs: unknown[] = JSON.parse(run.members ?? "[]");
  let started: { id: string }[];
  try {
    started = await start(
      places.map((place) => ({
        namespace,
        job: control.job,
        input: inputs[place] == null ? null : JSON.stringify(inputs[place]),
        priority: run.priority,
        // What it stands for is what its workflow stands for.
        nominalAt: run.facts.scheduledAt,
        idempotencyKey: `escapement:member/${run.id}/${run.fence}/${place}`,
      })),
      { parentId: run.id, field: "members" },
    );
  } catch (error) {
    if (!(error instanceof Rejection) || error.code === "UNAVAILABLE") throw error;
    await context.sql`
      update escapement.workflow_run w set fault = ${`job "${control.job}" cannot be started: ${error.message}`},
        states = regexp_replace(states, ${NODE_STATES.STARTED}, ${NODE_STATES.FAILED}, 'g')
      where run_id = ${run.id}
        and not exists (select from escapement.workflow_member m where m.run_id = w.run_id)`;
    return;
  }
  const ids = started.map(({ id }) => id);
  await noteMembers(
    context.sql as unknown as Transaction,
    places.map((place, at) => ({ runId: run.id, place, memberId: ids[at] as string, handedOn: null })),
  );
  await settleWaits(context, ids);
}

/** How those end whose last step said so; one query for all. */
export async function finishNested(
  transaction: Transaction,
  ending: { run: OpenRun; end: NonNullable<MemberStep["end"]> }[],
): Promise<Departure[]> {
  const wanted = ending.flatMap(({ run }) => [...run.states].map((_, place) => ({ runId: run.id, place })));
  const members = await readMembers(transaction, wanted);
  return ending.map(({ run, end }) => {
    if (end === "CANCELLED") return stopped(run);
    const rows = [...run.states].map((_, place) => members.get(`${run.id}/${place}`));
    if (end === "FAILED") {
      const failed = rows.find((row) => row && row.state !== "SUCCEEDED");
      const why = failed?.error ? `: ${JSON.parse(failed.error).message}` : "";
      const count = [...run.states].filter((letter) => letter !== NODE_STATES.SUCCEEDED).length;
      const message =
        run.fault ??
        (rows.length === 1
          ? `its run ended ${failed?.state}${why}`
          : `${count} of ${rows.length} runs did not succeed; one ended ${failed?.state}${why}`);
      return departure(run, "FAILED", { error: JSON.stringify({ message, type: "MembersFailed" }) });
    }
    const output = outputOf(
      run,
      rows.map((row) => row?.output ?? null),
    );
    if (output !== null && Buffer.byteLength(output) > LIMITS.outputBytes) {
      const message = `its outputs together have ${Buffer.byteLength(output)} bytes; at most ${LIMITS.outputBytes} are allowed`;
      return departure(run, "FAILED", { error: JSON.stringify({ message, type: "OutputTooLarge" }) });
    }
    return departure(run, "SUCCEEDED", { output });
  });
}

/** A sub-workflow's output is the node's; of several runs each with its parameters (DolphinScheduler D7). */
function outputOf({ version, input }: OpenRun, outputs: (string | null)[]): string | null {
  if (version.control?.kind === "workflow") return outputs[0] ?? null;
  const runs: unknown[] = JSON.parse(input ?? "{}").runs ?? [];
  return JSON.stringify(
    outputs.map((output, place) => ({
      dynParams: runs[place] ?? null,
      outputValue: output === null ? null : JSON.parse(output),
      mappedTimes: place + 1,
    })),
  );
}
