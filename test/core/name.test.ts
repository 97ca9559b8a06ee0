/** Names and tags: which are accepted, and that a refusal says why. */
import { describe, expect, it } from "vitest";
import { checkName, checkTags } from "../../server/core/name.ts";

const refused = (field: string, reason: string) =>
  expect.objectContaining({ code: "BAD_INPUT", field, message: expect.stringContaining(reason) });

describe("a name", () => {
  it.each([
    "default",
    "a",
    "nightly-report",
    "acme/resize.v2",
    "10.0.0.1:4400",
    "_x",
    "me@host",
    "X".repeat(128),
  ])("%s is accepted", (name) => {
    expect(checkName(name, "name")).toBe(name);
  });

  it.each([
    ["", "empty"],
    ["X".repeat(129), "at most 128"],
    ["two words", "letters, digits"],
    ["-x", "start with"],
    ["/x", "start with"],
    ["a\n", "letters, digits"],
    ["a\u0000", "letters, digits"],
    ["straße", "letters, digits"],
    ["a?b", "letters, digits"],
    ["a%2f", "letters, digits"],
  ])("%j is refused: %s", (name, reason) => {
    expect(() => checkName(name, "job")).toThrow(refused("job", reason));
  });
});

describe("tags", () => {
  it("are kept in order, each once, in any language", () => {
    expect(checkTags(["b", "a", "b", "次日 達", "👩‍👩‍👧"])).toEqual(["b", "a", "次日 達", "👩‍👩‍👧"]);
  });

  it.each([
    [[""], "empty"],
    [[" a"], "blanks"],
    [["x".repeat(129)], "at most 128"],
    [["a\u0000b"], "cannot be printed"],
    [["a\ud800"], "cannot be printed"],
    [Array.from({ length: 51 }, (_, index) => `t${index}`), "at most 50"],
  ])("%j are refused: %s", (tags, reason) => {
    expect(() => checkTags(tags)).toThrow(refused("tags", reason));
  });
});
