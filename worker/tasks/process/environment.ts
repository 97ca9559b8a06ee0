/** What a command sees of the worker's environment, and what it is told of its run. */
import type { Lease } from "../../protocol.ts";

export interface EnvironmentOptions {
  /** The worker's own environment, of which commands see only what `passEnv` names. */
  environment: Record<string, string | undefined>;
  /** Names of variables. Default: those that the task's documentation names. */
  passEnv?: string[] | undefined;
}

export const DEFAULT_PASS_ENV = ["PATH", "HOME", "LANG"];

/** Nothing of the worker's environment that nobody asked for: it holds the worker's token. */
export function scrubbed(
  { environment, passEnv }: EnvironmentOptions,
  defaults = DEFAULT_PASS_ENV,
): Record<string, string> {
  const present: Record<string, string> = {};
  for (const name of passEnv ?? defaults) {
    const value = environment[name];
    if (value !== undefined) present[name] = value;
  }
  return present;
}

/** Which run it is; a fence lets outside systems refuse a stale attempt. */
export function identityOf(lease: Lease): Record<string, string> {
  return {
    ESCAPEMENT_RUN: lease.run,
    ESCAPEMENT_ATTEMPT: String(lease.attempt),
    ESCAPEMENT_JOB: lease.job,
    ESCAPEMENT_SCHEDULED_AT: lease.scheduledAt,
    ESCAPEMENT_FENCE: String(lease.fence),
  };
}
