/** The command line. */
import { parseArgs } from "node:util";
import type { Effort } from "./measure.ts";

export interface Options {
  effort: Effort;
  /** Keys of the measures to take; empty: all. */
  only: string[];
  json: string | undefined;
  profile: string | undefined;
  withPeers: boolean;
  databaseUrl: string | undefined;
}

export const USAGE = `npm run bench -- [options]

  --quick              under two minutes, one round: for a first look, not for conclusions
  --only a,b           only these measures (see below)
  --rounds N           rounds of every measure, of which the median counts (3; with --quick 1)
  --minutes N          length of each steady-state trial (1; with --quick 0.05)
  --json FILE          write the figures there, too
  --profile DIR        CPU profiles of our server and its slowest statements, per trial, into DIR
  --no-peers           us alone
  --help

BENCH_DATABASE_URL     a PostgreSQL to use instead of a temporary one of our own
`;

/** @throws with what is wrong, for people */
export function readOptions(
  args: string[],
  environment: NodeJS.ProcessEnv,
  keys: readonly string[],
): Options | "help" {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      rounds: { type: "string" },
      minutes: { type: "string" },
      json: { type: "string" },
      profile: { type: "string" },
      "no-peers": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { quick } = values;
  const only = values.only?.split(",").filter(Boolean) ?? [];
  const unknown = only.find((key) => !keys.includes(key));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${keys.join(", ")}`);
  return {
    effort: {
      quick,
      rounds: positive("--rounds", values.rounds, quick ? 1 : 3),
      minutes: positive("--minutes", values.minutes, quick ? 0.05 : 1),
      window: quick ? { warmUpMs: 300, ms: 700 } : { warmUpMs: 1_000, ms: 4_000 },
    },
    only,
    json: values.json,
    profile: values.profile,
    withPeers: !values["no-peers"],
    databaseUrl: environment.BENCH_DATABASE_URL || undefined,
  };
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, not ${text}`);
  return value;
}
