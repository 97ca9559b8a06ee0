/** What is said beside a schedule: clocks, notes, misfires and retries. */
import { expect, test } from "vitest";
import { retryInWords } from "../../../web/model/retry.ts";
import { clockThere, misfireInWords, noteInWords } from "../../../web/model/schedule.ts";

test("the schedule's clock is shown where it is not the reader's", () => {
  const fire = { at: "2030-03-31T01:00:00.000Z", local: "2030-03-31T03:00:00", offset: "+02:00", note: null };
  expect(clockThere(fire, 120)).toBeNull();
  expect(clockThere(fire, 0)).toBe("03:00:00 at +02:00");
  const newfoundland = { ...fire, local: "2030-03-30T22:30:00", offset: "-02:30" };
  expect(clockThere(newfoundland, -150)).toBeNull();
  expect(clockThere(newfoundland, 150)).toBe("22:30:00 at -02:30");
});

test("a note tells whence a calendar moved a fire, and what the clocks do", () => {
  expect(noteInWords("the clocks go forward from 02:00 to 03:00")).toBe(
    "On that day the clocks go forward from 02:00 to 03:00.",
  );
  expect(noteInWords("moved from 2030-01-06 by a calendar")).toBe("Moved from 2030-01-06 by a calendar.");
  expect(noteInWords("moved from 2030-03-30 by a calendar; the clocks go back from 03:00 to 02:00")).toBe(
    "Moved from 2030-03-30 by a calendar. On that day the clocks go back from 03:00 to 02:00.",
  );
});

test("each misfire policy names its threshold, and its window where it has one", () => {
  const misfire = { threshold: "PT1M", limit: 7, window: "PT6H" };
  for (const policy of ["SKIP", "FIRE_ONCE", "FIRE_ALL"] as const)
    expect(misfireInWords({ ...misfire, policy })).toContain("1 minute");
  expect(misfireInWords({ ...misfire, policy: "FIRE_ALL" })).toBe(
    "each fired, up to 7, when more than 1 minute late, unless missed by more than 6 hours",
  );
  expect(misfireInWords({ ...misfire, policy: "FIRE_ONCE", window: null })).not.toContain("unless");
});

test("retry policies are told with their numbers", () => {
  expect(retryInWords({ __typename: "RetryOff" })).toBe("never");
  expect(retryInWords({ __typename: "FixedRetry", fixedDelay: "PT10S", max: 1, maxElapsed: "PT1H" })).toBe(
    "up to 1 retry, 10 seconds apart, within 1 hour",
  );
  expect(
    retryInWords({
      __typename: "BackoffRetry",
      initialDelay: "PT10S",
      delay: "PT5S",
      factor: 2,
      cap: "PT1H",
      max: 3,
      maxElapsed: null,
    }),
  ).toBe("up to 3 retries: the first after 10 seconds, then 5 seconds growing ×2 up to 1 hour");
});
