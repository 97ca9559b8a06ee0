import { describe, expect, test } from "vitest";
import { fits, isOverloaded, narrowed, requirementText } from "../../server/core/placement.ts";

const executor = { name: "one", labels: { zone: "eu", gpu: "a100" } };

describe("a requirement", () => {
  test("without members fits everybody", () => expect(fits({}, executor)).toBe(true));
  test("of a name fits that executor only", () => {
    expect(fits({ executor: "one" }, executor)).toBe(true);
    expect(fits({ executor: "two" }, executor)).toBe(false);
  });
  test("of labels fits who has all of them with these values", () => {
    expect(fits({ labels: { zone: "eu" } }, executor)).toBe(true);
    expect(fits({ labels: { zone: "us" } }, executor)).toBe(false);
    expect(fits({ labels: { zone: "eu", disk: "ssd" } }, executor)).toBe(false);
  });
  test("of a label is not met by what every object inherits", () => {
    expect(fits({ labels: { constructor: "x" } }, executor)).toBe(false);
  });
  test("of a run adds to the job's and says what it says differently", () => {
    const job = { labels: { zone: "eu", gpu: "a100" } };
    expect(narrowed(job, { executor: "one", labels: { zone: "us" } })).toEqual({
      executor: "one",
      labels: { zone: "us", gpu: "a100" },
    });
    expect(narrowed({}, {})).toEqual({});
  });
  test("has one text whatever the order of its labels", () => {
    expect(requirementText({ labels: { b: "2", a: "1" } })).toBe(
      requirementText({ labels: { a: "1", b: "2" } }),
    );
    expect(requirementText({ labels: {} })).toBe("{}");
  });
});

test("a load is too much only above a limit of its own kind", () => {
  expect(isOverloaded({ cpu: 0.9 }, { cpu: 0.9 })).toBe(false);
  expect(isOverloaded({ cpu: 0.91 }, { cpu: 0.9 })).toBe(true);
  expect(isOverloaded({ cpu: 1, memory: 0.2 }, { memory: 0.5 })).toBe(false);
  expect(isOverloaded({ memory: 0.6 }, { cpu: 0.1, memory: 0.5 })).toBe(true);
  expect(isOverloaded(null, { cpu: 0 })).toBe(false);
  expect(isOverloaded({ cpu: 5 }, null)).toBe(false);
});
