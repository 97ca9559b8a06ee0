/** `npm run chaos`: the fault tests, many times larger than in an ordinary test run. Some fifteen minutes. */
import { startVitest } from "vitest/node";

/** What an ordinary run has a few of; each can be set from outside. */
const SIZES: Record<string, string> = {
  LEADER_KILLS: "50",
  LEADER_TRIGGERS: "1000",
  LEADER_CROWD: "100000",
  SOAK_SERVERS: "4",
  SOAK_WORKERS: "16",
  SOAK_RUNS: "2000",
  SOAK_KILLS: "40",
  FC_RUNS: "2000",
  FC_MS: "300000",
};

const TESTS = [
  "test/system/leader-kills.test.ts",
  "test/system/affinity.test.ts",
  "test/engine/model.test.ts",
  "test/system/restart.test.ts",
];

for (const [name, value] of Object.entries(SIZES)) process.env[name] ??= value;
process.stdout.write(
  `${Object.keys(SIZES)
    .map((name) => `${name}=${process.env[name]}`)
    .join(" ")}\n`,
);
const vitest = await startVitest("test", TESTS, { run: true, maxWorkers: 1 });
await vitest.close();
