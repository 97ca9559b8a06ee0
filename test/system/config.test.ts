/** What the environment can say, and how a mistake in it is answered. */
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { readConfig } from "../../server/config.ts";
import { DEFAULT_RETRY } from "../../server/core/retry.ts";

test("the server's retry policy is the default one, or what ESCAPEMENT_RETRY says", () => {
  const read = (text?: string) => readConfig(text === undefined ? {} : { ESCAPEMENT_RETRY: text }).retry;
  expect(read()).toEqual(DEFAULT_RETRY);
  expect(read("")).toEqual(DEFAULT_RETRY);
  expect(read('{"off": true}')).toEqual({ kind: "off" });
  expect(read('{"fixed": {"delay": "PT1M", "max": 5}}')).toEqual({ kind: "fixed", delayMs: 60_000, max: 5 });
  expect(read('{"backoff": {"max": 9}}')).toEqual({ ...DEFAULT_RETRY, max: 9 });
});

test.each([
  "{",
  "5",
  "null",
  "{}",
  '{"off": false}',
  '{"fixed": {"dely": "PT1S"}}',
  '{"fixed": {"delay": 5}}',
  '{"inherit": true}',
])("ESCAPEMENT_RETRY=%s is refused with the variable's name and an example", (text) => {
  expect(() => readConfig({ ESCAPEMENT_RETRY: text })).toThrow(/ESCAPEMENT_RETRY: .*write it like/);
});

test("ESCAPEMENT_SECRET_KEY is none, or a list of keys of which the first encrypts", () => {
  const [one, two] = [randomBytes(32), randomBytes(32)].map((bytes) => bytes.toString("base64"));
  expect(readConfig({}).secretKeys).toEqual([]);
  expect(readConfig({ ESCAPEMENT_SECRET_KEY: "" }).secretKeys).toEqual([]);
  const { secretKeys } = readConfig({ ESCAPEMENT_SECRET_KEY: `${one}, ${two}\n` });
  expect(secretKeys.map(({ key }) => key.export().toString("base64"))).toEqual([one, two]);
  expect(() => readConfig({ ESCAPEMENT_SECRET_KEY: `${one},not-a-key` })).toThrow(
    "The configuration is not usable:\n  ESCAPEMENT_SECRET_KEY: key 2 of the list is not 32 bytes in Base64",
  );
});
