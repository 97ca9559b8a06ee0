/** Which processes are there, asked from the system itself. */
import { spawnSync } from "node:child_process";
import { expect } from "vitest";

/** Waits until no process of this id, or of a group of this id, is alive. One that nobody has reaped yet is not. */
export async function expectGone(id: number): Promise<void> {
  expect(id).toBeGreaterThan(0);
  await expect.poll(() => alive(id), { timeout: 10_000 }).toEqual([]);
}

function alive(id: number): string[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,pgid=,stat=,args="], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => {
    const [pid, group, state] = line.trim().split(/\s+/);
    return (Number(pid) === id || Number(group) === id) && state?.startsWith("Z") === false;
  });
}
