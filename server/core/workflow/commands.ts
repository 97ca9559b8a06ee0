/**
 * Which commands a workflow's run obeys in which state (DolphinScheduler D1), as a table; server/WORKFLOWS.md shows it.
 *
 *                      WAITING READY RUNNING SUSPENDED SUCCEEDED FAILED CANCELLED SKIPPED
 *   SUSPEND               x      x      x        x
 *   RESUME                x      x      x        x                                        resume what is not suspended: nothing happens
 *   STOP                  x      x      x        x                                        cancelRun
 *   RECOVER_FAILED                                                   x                    its failed nodes, and what comes after them
 *   RECOVER_SUSPENDED                            x                           x            what was suspended or stopped goes on
 *   RERUN                                               x            x       x       x    a new run from the roots
 *   EXECUTE_NODE                                        x            x       x            one of its nodes once more
 *   FORCE_SUCCESS                       x        x                   x                    of a failed node
 */
import { forbidden, illegalState, type Rejection } from "../rejection.ts";
import type { RunState } from "../run.ts";

export const WORKFLOW_COMMANDS = [
  "SUSPEND",
  "RESUME",
  "STOP",
  "RECOVER_FAILED",
  "RECOVER_SUSPENDED",
  "RERUN",
  "EXECUTE_NODE",
  "FORCE_SUCCESS",
] as const;
export type WorkflowCommand = (typeof WORKFLOW_COMMANDS)[number];

/** DolphinScheduler's commands that are the scheduler's own: nobody gives them from outside. */
export const INTERNAL_COMMANDS = [
  /** Go on after the death of a master. Here every server looks at what is open. */
  "RECOVER_TOLERANCE_FAULT",
  /** Go on when a thread is free. Here runs wait in the priority table. */
  "RECOVER_WAITING_THREAD",
  /** Go on when the run before has ended. Here the gates of the overlap policy let it in. */
  "RECOVER_SERIAL_WAIT",
  /** A time has come. Here triggers fire. */
  "SCHEDULER",
  /** A dynamic node starts its runs. */
  "DYNAMIC_GENERATION",
] as const;
export type InternalCommand = (typeof INTERNAL_COMMANDS)[number];

/** A run's state, with the pause of one that goes on told apart. */
export type CommandState = RunState | "SUSPENDED";

const OPEN: readonly CommandState[] = ["WAITING", "READY", "RUNNING", "SUSPENDED"];

const OBEYED: Record<WorkflowCommand, readonly CommandState[]> = {
  SUSPEND: OPEN,
  RESUME: OPEN,
  STOP: OPEN,
  RECOVER_FAILED: ["FAILED"],
  RECOVER_SUSPENDED: ["SUSPENDED", "CANCELLED"],
  RERUN: ["SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"],
  EXECUTE_NODE: ["SUCCEEDED", "FAILED", "CANCELLED"],
  FORCE_SUCCESS: ["RUNNING", "SUSPENDED", "FAILED"],
};

const WHEN: Record<WorkflowCommand, string> = {
  SUSPEND: "only a run that has not ended can be suspended",
  RESUME: "only a run that has not ended can be resumed",
  STOP: "only a run that has not ended can be stopped",
  RECOVER_FAILED: "only a workflow that has failed has failures to recover from",
  RECOVER_SUSPENDED: "only a workflow that is suspended or was cancelled can go on from where it is",
  RERUN: "only a run that has ended can be run again",
  EXECUTE_NODE: "a node is run once more when its workflow has ended",
  FORCE_SUCCESS: "a failure can be called a success while its workflow goes on, or after that has failed",
};

export const isLegal = (command: WorkflowCommand, state: CommandState): boolean =>
  OBEYED[command].includes(state);

/** Throws ILLEGAL_STATE that says when the command is obeyed. */
export function checkCommand(command: WorkflowCommand, state: CommandState): void {
  if (!isLegal(command, state)) throw illegalState(`the run is ${state}: ${WHEN[command]}`);
}

/** What whoever asks for one of the scheduler's own commands is told. */
export function refuseInternal(command: InternalCommand): Rejection {
  return forbidden(
    `${command} is the scheduler's own command; the commands for people are ${WORKFLOW_COMMANDS.join(", ")}`,
  );
}
