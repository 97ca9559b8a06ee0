/**
 * One owner per data folder. Each process that wants it puts down a claim, a file named by its process id and
 * start time, and then looks who else is there. Claims have names of their own, so removing a dead one can
 * never remove a living one, and no lock is needed that could itself be left behind.
 *
 * Two that come at the same moment: the younger process withdraws when it sees the older; the older waits
 * until the younger has withdrawn or, having looked before the older's claim was there, owns the folder.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isRunning, startedAt } from "./process.ts";
import { StartError } from "./start-error.ts";

interface Claim {
  readonly pid: number;
  readonly startedAt: number;
}

const CLAIM = /^owner-(\d+)-(\d+)$/;
const OWNS = "owns";
const DECIDING_CHECK_MS = 10;

/** Folders owned by this very process, which its own claim file cannot tell from one left by a namesake. */
const ownedHere = new Set<string>();

/**
 * Makes this process the owner of the folder and returns the function that gives it back.
 * Throws StartError naming the living owner when there is one.
 */
export async function own(dir: string): Promise<() => void> {
  if (ownedHere.has(dir)) throw inUse(dir, process.pid);
  ownedHere.add(dir);
  const mine = { pid: process.pid, startedAt: startedAt(process.pid) };
  const release = () => {
    ownedHere.delete(dir);
    rmSync(claimFile(dir, mine), { force: true });
  };
  try {
    writeFileSync(claimFile(dir, mine), "");
    for (;;) {
      const rivals = livingClaims(dir).filter((claim) => claim.pid !== mine.pid);
      const winner = rivals.find((rival) => owns(dir, rival) || isOlder(rival, mine));
      if (winner) throw inUse(dir, winner.pid);
      if (rivals.length === 0) break;
      await sleep(DECIDING_CHECK_MS);
    }
    writeFileSync(claimFile(dir, mine), OWNS);
    return release;
  } catch (error) {
    release();
    throw error;
  }
}

/** The claims of running processes; those of dead ones are removed on the way. */
function livingClaims(dir: string): Claim[] {
  const claims = readdirSync(dir).flatMap((name) => {
    const match = CLAIM.exec(name);
    return match ? [{ pid: Number(match[1]), startedAt: Number(match[2]) }] : [];
  });
  const alive = (claim: Claim) => isRunning(claim.pid) && startedAt(claim.pid) === claim.startedAt;
  for (const claim of claims) if (!alive(claim)) rmSync(claimFile(dir, claim), { force: true });
  return claims.filter(alive);
}

function claimFile(dir: string, claim: Claim): string {
  return join(dir, `owner-${claim.pid}-${claim.startedAt}`);
}

function owns(dir: string, claim: Claim): boolean {
  try {
    return readFileSync(claimFile(dir, claim), "utf8") === OWNS;
  } catch {
    return false; // withdrawn in the meantime
  }
}

function isOlder(one: Claim, other: Claim): boolean {
  return one.startedAt - other.startedAt < 0 || (one.startedAt === other.startedAt && one.pid < other.pid);
}

function inUse(dir: string, pid: number): StartError {
  return new StartError(
    `${dir} is in use by another Escapement (process ${pid}). Stop that one first, or set ESCAPEMENT_DATA_DIR to a folder of its own.`,
  );
}
