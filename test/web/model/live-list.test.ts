/** Live events in a list of runs. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeEvents, type Row, seedList, showFresh } from "../../../web/model/live-list.ts";
import { RUN_STATES } from "../../../web/model/state.ts";

const row = (id: number, state: Row["state"] = "RUNNING", attempt = 1): Row => ({
  id: String(id),
  createdAt: new Date(1_790_000_000_000 + id * 1000).toISOString(),
  state,
  attempt,
});
const ids = (rows: readonly Row[]): string[] => rows.map((each) => each.id);
const all = { belongs: () => true, limit: 3, head: true };

describe("merging", () => {
  test("a shown run changes in place", () => {
    const list = mergeEvents(seedList([row(2), row(1)], [], all), [row(1, "SUCCEEDED")], all);
    expect(list.rows).toEqual([row(2), row(1, "SUCCEEDED")]);
    expect(list.fresh).toEqual([]);
  });

  test("a new run waits until it is asked for, and then stands on top", () => {
    const merged = mergeEvents(seedList([row(2), row(1)], [], all), [row(3)], all);
    expect(ids(merged.rows)).toEqual(["2", "1"]);
    expect(ids(merged.fresh)).toEqual(["3"]);
    const shown = showFresh(merged, all);
    expect(ids(shown.rows)).toEqual(["3", "2", "1"]);
    expect([...shown.arrived]).toEqual(["3"]);
    expect(shown.fresh).toEqual([]);
  });

  test("the last of several events about a run counts", () => {
    const list = mergeEvents(seedList([], [], all), [row(1, "READY", 0), row(1, "RUNNING")], all);
    expect(list.fresh).toEqual([row(1, "RUNNING")]);
  });

  test("a fresh run that leaves the filter before it was shown is forgotten", () => {
    const running = { ...all, belongs: (run: Row) => run.state === "RUNNING" };
    const waiting = mergeEvents(seedList([], [], running), [row(1)], running);
    expect(mergeEvents(waiting, [row(1, "SUCCEEDED")], running).fresh).toEqual([]);
  });

  test("a shown run that leaves the filter keeps its place until the list moves", () => {
    const running = { ...all, belongs: (run: Row) => run.state === "RUNNING" };
    const merged = mergeEvents(seedList([row(2), row(1)], [], running), [row(2, "SUCCEEDED")], running);
    expect(ids(merged.rows)).toEqual(["2", "1"]);
    expect(ids(showFresh(merged, running).rows)).toEqual(["1"]);
  });

  test("a list that lost rows to newer ones knows that there are older ones", () => {
    const full = seedList([row(3), row(2), row(1)], [], all);
    expect(full.trimmed).toBe(false);
    expect(showFresh(mergeEvents(full, [row(4)], all), all).trimmed).toBe(true);
  });

  test("a change to a run behind a full page is no news", () => {
    const list = seedList([row(9), row(8), row(7)], [], all);
    expect(mergeEvents(list, [row(2)], all).fresh).toEqual([]);
    expect(ids(mergeEvents(list, [row(10)], all).fresh)).toEqual(["10"]);
  });

  test("nothing new comes to an older page, but its rows still change", () => {
    const older = { ...all, head: false };
    const list = mergeEvents(seedList([row(2)], [], older), [row(3), row(2, "FAILED")], older);
    expect(list.fresh).toEqual([]);
    expect(list.rows).toEqual([row(2, "FAILED")]);
  });

  test("runs of the same millisecond stand in the order of their ids, as numbers", () => {
    const at = row(1).createdAt;
    const list = showFresh(
      mergeEvents(
        seedList([], [], all),
        ["9", "10", "11"].map((id) => ({ ...row(1), id, createdAt: at })),
        all,
      ),
      all,
    );
    expect(ids(list.rows)).toEqual(["11", "10", "9"]);
  });
});

describe("a page that was read while events came", () => {
  test("an event that is further along than the page wins", () => {
    const list = seedList([row(1, "RUNNING")], [row(1, "SUCCEEDED")], all);
    expect(list.rows).toEqual([row(1, "SUCCEEDED")]);
  });

  test("an event from before the page does not take it back", () => {
    const list = seedList([row(1, "RUNNING", 2)], [row(1, "WAITING", 1)], all);
    expect(list.rows).toEqual([row(1, "RUNNING", 2)]);
  });

  test("a run that began after the page was read is in it", () => {
    expect(ids(seedList([row(1)], [row(2)], all).rows)).toEqual(["2", "1"]);
  });
});

test("however many events come, the list stays within its limit, sorted, and counts what it left out", () => {
  const event = fc.record({ id: fc.integer({ min: 0, max: 40 }), state: fc.constantFrom(...RUN_STATES) });
  fc.assert(
    fc.property(fc.array(fc.array(event, { maxLength: 30 }), { maxLength: 8 }), (batches) => {
      let list = seedList<Row>([], [], all);
      for (const batch of batches) {
        list = mergeEvents(
          list,
          batch.map(({ id, state }) => row(id, state)),
          all,
        );
        expect(list.fresh.length).toBeLessThanOrEqual(all.limit);
        list = showFresh(list, all);
        expect(list.rows.length).toBeLessThanOrEqual(all.limit);
        expect(new Set(ids(list.rows)).size).toBe(list.rows.length);
        expect(list.rows.map((each) => each.createdAt)).toEqual(
          list.rows
            .map((each) => each.createdAt)
            .sort()
            .reverse(),
        );
      }
    }),
  );
  const flood = Array.from({ length: 100 }, (_, id) => row(id));
  expect(mergeEvents(seedList([], [], all), flood, all).missed).toBe(97);
});
