/**
 * Preloaded into our server when the bench profiles it: SIGUSR2 starts a CPU profile, the next one writes it to
 * BENCH_PROFILE_DIR. A whole life's profile (`--cpu-prof`) would mix all measures.
 */
import { renameSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join } from "node:path";

const SAMPLE_MICROSECONDS = 200;

const session = new Session();
session.connect();
let running = false;
let written = 0;

process.on("SIGUSR2", async () => {
  if (!running) {
    running = true;
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_MICROSECONDS });
    await session.post("Profiler.start");
    return;
  }
  const { profile } = await session.post("Profiler.stop");
  running = false;
  const file = join(process.env.BENCH_PROFILE_DIR ?? ".", `${String(++written).padStart(3, "0")}.cpuprofile`);
  writeFileSync(`${file}.part`, JSON.stringify(profile));
  renameSync(`${file}.part`, file);
});
