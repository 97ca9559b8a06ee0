import fc from "fast-check";
import { expect, test } from "vitest";
import { checkInputKey, inputKey } from "../../server/core/input-key.ts";
import { checkUnique, uniqueKey } from "../../server/core/unique.ts";

const key = (expression: string, input: unknown) => inputKey(expression, JSON.stringify(input), "input");

test("a key is the value at the path, as text", () => {
  const input = { customer: { id: 7, name: "é" }, items: [{ n: null }], flag: false };
  expect(key("input.customer.id", input)).toBe("7");
  expect(key("input.customer.name", input)).toBe('"é"');
  expect(key("input.items.0.n", input)).toBe("null");
  expect(key("input.flag", input)).toBe("false");
  expect(key("input.customer", input)).toBe('{"id":7,"name":"é"}');
  expect(key("input", 3)).toBe("3");
});

test("the number 7 and the text 7 are two keys", () => {
  expect(key("input.a", { a: 7 })).not.toBe(key("input.a", { a: "7" }));
});

test("where there is nothing there is no key, not even what every object inherits", () => {
  for (const path of ["input.b", "input.a.b", "input.a.length", "input.toString", "input.__proto__"]) {
    expect(key(path, { a: "x" })).toBeNull();
  }
  expect(inputKey("input", null, "input")).toBeNull();
});

test("equal values have equal keys, whatever the order of their members; different ones differ", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer())),
      fc.string(),
      (value, other) => {
        const entries = Object.entries(value);
        const turned = `{${entries
          .reverse()
          .map(([name, one]) => `${JSON.stringify(name)}:${JSON.stringify(one)}`)
          .join(",")}}`;
        expect(inputKey("input", turned, "input")).toBe(key("input", value));
        expect(key("input", { ...value, added: other })).not.toBe(
          key("input", { ...value, added: `${other}x` }),
        );
      },
    ),
  );
});

test("a long value becomes a short key of its own", () => {
  const [one, other] = [key("input", "x".repeat(10_000)), key("input", `${"x".repeat(9_999)}y`)];
  expect(one?.length).toBeLessThan(100);
  expect(one).not.toBe(other);
});

test("a number that would be taken for its neighbour is refused", () => {
  expect(() => inputKey("input.id", '{"id": 9007199254740993}', "input")).toThrow(/use a string/);
  expect(inputKey("input.id", '{"id": 9007199254740991}', "input")).toBe("9007199254740991");
});

test("what is no path is refused", () => {
  for (const text of [
    "",
    "customer",
    "input.",
    "input..a",
    "input[0]",
    "input.a b",
    `input.${"x".repeat(200)}`,
  ]) {
    expect(() => checkInputKey(text, "unique.singleton.key")).toThrow(
      expect.objectContaining({ code: "BAD_INPUT", field: "unique.singleton.key" }),
    );
  }
});

test("what a job asks for is checked field by field", () => {
  expect(checkUnique({ singleton: {} })).toEqual({ kind: "singleton", key: null });
  expect(checkUnique({ throttle: { every: "PT1H", key: "input.a" } })).toEqual({
    kind: "throttle",
    key: "input.a",
    everyMs: 3_600_000,
  });
  expect(checkUnique({ debounce: { delay: "PT5S", maxWait: "PT1M" } })).toEqual({
    kind: "debounce",
    key: null,
    delayMs: 5_000,
    maxWaitMs: 60_000,
  });
  const wrong = [
    [{ throttle: { every: "PT0S" } }, "unique.throttle.every"],
    [{ throttle: { every: "P31D" } }, "unique.throttle.every"],
    [{ throttle: { every: "P1M" } }, "unique.throttle.every"],
    [{ debounce: { delay: "-PT1S" } }, "unique.debounce.delay"],
    [{ debounce: { delay: "PT1M", maxWait: "PT1S" } }, "unique.debounce.maxWait"],
    [{ singleton: { key: "nonsense" } }, "unique.singleton.key"],
    [{}, "unique"],
  ] as const;
  for (const [input, field] of wrong) {
    expect(() => checkUnique(input)).toThrow(expect.objectContaining({ code: "BAD_INPUT", field }));
  }
});

test("a run whose input has no such value is refused, not taken for another", () => {
  const unique = checkUnique({ singleton: { key: "input.customer" } });
  expect(() => uniqueKey(unique, '{"other": 1}', (name) => `runs[3].${name}`)).toThrow(
    expect.objectContaining({ code: "BAD_INPUT", field: "runs[3].input" }),
  );
  expect(uniqueKey(checkUnique({ singleton: {} }), null, (name) => name)).toBe("");
});
