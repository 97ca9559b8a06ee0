/** What the figures were taken on. */
import { cpus, type as osType, release, totalmem } from "node:os";
import type { BenchServer } from "./database.ts";
import type { PeerPackages } from "./peers/install.ts";

export interface Machine {
  processor: string;
  cores: number;
  memoryGb: number;
  system: string;
  node: string;
  /** What the peers run on, and their versions. */
  peers: { node: string; versions: Record<string, string> } | null;
  redis: string | null;
  postgres: Record<string, string>;
}

export function describeMachine(
  database: BenchServer,
  packages: PeerPackages | null,
  redis: string | null,
): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${osType()} ${release()}`,
    node: process.version,
    peers: packages && { node: packages.nodeVersion, versions: packages.versions },
    redis,
    postgres: database.settings,
  };
}
