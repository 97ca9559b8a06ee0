/** Why a run waits, in sentences. */
import { expect, test } from "vitest";
import { holdInWords } from "../../../web/model/holds.ts";

const NOW = Date.parse("2026-11-21T12:00:00.000Z");
const at = "2026-11-21T12:00:08.000Z";
const say = (kind: Parameters<typeof holdInWords>[0]["kind"], until: string | null, ids: string[] = []) =>
  holdInWords({ kind, until, runs: ids.map((id) => ({ id })) }, NOW, "UTC");

test("a retry says when", () => {
  expect(say("RETRY", at)).toBe("retries at 12:00:08 (in 8 s)");
});

test("a delay says when the run starts", () => {
  expect(say("TIME", at)).toBe("starts at 12:00:08 (in 8 s)");
});

test("a dependency says how many runs are awaited", () => {
  expect(say("DEPENDENCY", null, ["1"])).toBe("waits for a run to end");
  expect(say("DEPENDENCY", null, ["1", "2"])).toBe("waits for 2 runs to end");
  expect(say("DEPENDENCY", null)).toBe("waits for other runs to end");
});

test.each(["TIME", "RETRY", "DEPENDENCY", "AFFINITY", "CONCURRENCY", "OVERLAP", "RATE", "PAUSED"] as const)(
  "%s has a sentence without an instant, too",
  (kind) => {
    expect(say(kind, null)).toMatch(/^[a-z]/);
    expect(say(kind, null)).not.toMatch(/null|undefined| $/);
  },
);
