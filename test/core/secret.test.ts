/** Secrets: encrypted and bound to their place, found and filled in as JSON text, hidden in logs. */
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  NONCE_BYTES,
  readSecretKeys,
  type SecretKey,
  seal,
  sealingKey,
  unseal,
} from "../../server/core/secret.ts";
import { maskOf } from "../../server/core/secret-mask.ts";
import { fillSecrets, inJson, mayHoldSecrets, secretNames } from "../../server/core/secret-reference.ts";

const newKeyText = () => randomBytes(32).toString("base64");
const keysOf = (...texts: string[]): SecretKey[] => readSecretKeys(texts.join(","), "KEY");
const nonce = () => randomBytes(NONCE_BYTES);
const place = { namespace: "default", name: "db/password" };

describe("encryption", () => {
  const [key] = keysOf(newKeyText()) as [SecretKey];

  test("gives back any text, and never the same bytes for it twice", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const one = seal(key, place, text, nonce());
        const other = seal(key, place, text, nonce());
        expect(unseal([key], place, one)).toBe(text);
        expect(one.cipher.equals(other.cipher)).toBe(false);
      }),
    );
    const { cipher } = seal(key, place, "correct horse battery staple", nonce());
    expect(cipher.includes("horse")).toBe(false);
  });

  test("refuses what was changed anywhere, or cut", () => {
    const sealed = seal(key, place, "some text", nonce());
    for (let at = 0; at < sealed.cipher.length; at++) {
      const cipher = Buffer.from(sealed.cipher);
      cipher.writeUInt8(cipher.readUInt8(at) ^ 1, at);
      expect(() => unseal([key], place, { ...sealed, cipher })).toThrow(/does not open.*set the secret anew/);
    }
    for (const length of [0, 5, NONCE_BYTES, 20, sealed.cipher.length - 1]) {
      const cipher = sealed.cipher.subarray(0, length);
      expect(() => unseal([key], place, { ...sealed, cipher })).toThrow(/does not open/);
    }
  });

  test("refuses a row that was copied to another name or another namespace", () => {
    const sealed = seal(key, place, "some text", nonce());
    expect(() => unseal([key], { ...place, name: "other" }, sealed)).toThrow(
      /"other" of namespace "default"/,
    );
    expect(() => unseal([key], { ...place, namespace: "other" }, sealed)).toThrow(
      /namespace "other" does not/,
    );
    // The border between the two is part of what is bound.
    const shifted = { namespace: "defaultdb", name: "/password" };
    expect(() => unseal([key], shifted, sealed)).toThrow(/does not open/);
  });

  test("goes by the first key of a list and decrypts by all of them", () => {
    const [first, second] = [newKeyText(), newKeyText()];
    const old = seal(sealingKey(keysOf(first)), place, "old", nonce());
    const both = keysOf(second, first);
    expect(unseal(both, place, old)).toBe("old");
    const fresh = seal(sealingKey(both), place, "new", nonce());
    expect(fresh.keyId).not.toBe(old.keyId);
    expect(unseal(keysOf(second), place, fresh)).toBe("new");
    expect(() => unseal(keysOf(second), place, old)).toThrow(
      new RegExp(`encrypted with the key ${old.keyId}, .* add it to ESCAPEMENT_SECRET_KEY`),
    );
  });

  test("without a key is refused with the way to make one", () => {
    expect(readSecretKeys(undefined, "KEY")).toEqual([]);
    expect(() => sealingKey([])).toThrow(
      /set ESCAPEMENT_SECRET_KEY to what `openssl rand -base64 32` prints/,
    );
  });
});

test.each([
  ["", 1],
  ["short", 1],
  [`${newKeyText()},`, 2],
  [`${newKeyText()}, ${newKeyText().slice(4)}`, 2],
  [randomBytes(33).toString("base64"), 1],
  [randomBytes(16).toString("hex"), 1],
  [newKeyText().replace("=", ""), 1],
])("a list with a malformed key is refused, saying which and nothing of it (%#)", (text, number) => {
  const read = () => readSecretKeys(text, "KEY");
  expect(read).toThrow(`key ${number} of the list is not 32 bytes in Base64`);
  const part = text.split(",")[number - 1]?.trim() ?? "";
  if (part !== "") expect(read).not.toThrow(part);
});

test("a list has at most ten keys, and blanks around them do not matter", () => {
  expect(keysOf(...Array.from({ length: 10 }, () => ` ${newKeyText()} `))).toHaveLength(10);
  expect(() => keysOf(...Array.from({ length: 11 }, newKeyText))).toThrow("at most 10");
});

test("a key that is printed does not show itself, nor does its id", () => {
  const text = newKeyText();
  const [key] = keysOf(text) as [SecretKey];
  const bytes = Buffer.from(text, "base64");
  for (const shown of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key)]) {
    expect(shown).not.toContain(text);
    expect(shown).not.toContain(bytes.toString("hex"));
  }
  expect(bytes.toString("hex")).not.toContain(key.id);
});

describe("references", () => {
  const values: Record<string, string> = { A: "1", quote: '"\\\n$&\u2028é', "a.b/c@d:e-f_g": "all" };
  const fill = (json: string, limit = 10_000) =>
    fillSecrets(
      json,
      (name) => (values[name] === undefined ? { fault: `no ${name}` } : { value: inJson(values[name]) }),
      limit,
    );
  /** Written without the characters that look like a template to a linter. */
  const ref = (name: string) => `$${`{secrets.${name}}`}`;
  const filled = (input: unknown): unknown => {
    const answer = fill(JSON.stringify(input));
    return "json" in answer ? JSON.parse(answer.json) : answer;
  };

  test("are replaced wherever they stand in strings, with what JSON needs escaped", () => {
    expect(filled(ref("A"))).toBe("1");
    expect(
      filled({ url: `x://u:${ref("quote")}@h/${ref("A")}${ref("A")}`, deep: [[{ a: ref("quote") }]] }),
    ).toEqual({
      url: `x://u:${values.quote}@h/11`,
      deep: [[{ a: values.quote }]],
    });
    expect(filled({ [ref("A")]: ref("a.b/c@d:e-f_g") })).toEqual({ 1: "all" });
    expect(filled(`\\${ref("A")}"`)).toBe('\\1"');
  });

  test("leave everything else as it was, to the letter", () => {
    const json = `{ "n" : 12345678901234567890.10, "t":"$ {secrets.A} {secrets.A} $secrets.A","a":"${ref("A")}" }`;
    expect(fill(json)).toEqual({ json: json.replace(ref("A"), "1") });
  });

  test("that are escaped stay as text, without the first $", () => {
    expect(filled(`$${ref("A")}`)).toBe(ref("A"));
    // Two dollar signs are one, and the third begins a reference.
    expect(filled(`$$${ref("A")}`)).toBe("$1");
    expect(filled(`$${ref("no such")} ${ref("A")}`)).toBe(`${ref("no such")} 1`);
    expect(filled(`$$${"{secrets."}`)).toBe(`$${"{secrets."}`);
    // A value that looks like a reference is no reference.
    values.trap = ref("A");
    expect(filled(ref("trap"))).toBe(ref("A"));
  });

  test.each([`$${"{secrets."}`, `$${"{secrets.A"}`, ref(""), ref('a"b'), ref("a\\b"), ref(`x ${ref("A")}`)])(
    "that are malformed are a fault, never text: %s",
    (text) => {
      expect(filled({ text })).toEqual({ fault: expect.stringContaining("refers to no secret; write") });
    },
  );

  test("to what is not there say so", () => {
    expect(filled([ref("A"), ref("B"), ref("C")])).toEqual({ fault: "no B" });
  });

  test("are found, each once, and escapes are none", () => {
    const json = JSON.stringify([ref("A"), ref("B"), ref("A"), `$${ref("C")}`, "{secrets.D}"]);
    expect(secretNames(json)).toEqual(["A", "B"]);
    expect(mayHoldSecrets(json)).toBe(true);
    expect(mayHoldSecrets('{"a":"{secrets.D} $secrets.E"}')).toBe(false);
  });

  test("may not make an input larger than the limit", () => {
    values.large = "x".repeat(100);
    const json = JSON.stringify([ref("large"), ref("large")]);
    expect(fill(json, 300)).toEqual({ json: JSON.stringify([values.large, values.large]) });
    expect(fill(json, 150)).toEqual({ fault: expect.stringContaining("more than 150 characters") });
    expect(fill(JSON.stringify([ref("A"), "x".repeat(200)]), 150)).toHaveProperty("fault");
  });

  test("come out as the values that went in, whatever these are", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (value, around) => {
        fc.pre(!`${around}x`.includes("$"));
        values.any = value;
        expect(filled({ k: around + ref("any") + around })).toEqual({ k: around + value + around });
      }),
    );
  });
});

describe("the mask", () => {
  test("hides values as they are, as JSON has them, and line by line", () => {
    const hide = maskOf(["hunter2-hunter2", 'with "quotes"', "first line\r\nsecond line\n}"]);
    expect(hide("token=hunter2-hunter2&again=hunter2-hunter2.")).toBe("token=***&again=***.");
    expect(hide(JSON.stringify({ a: 'with "quotes"' }))).toBe('{"a":"***"}');
    expect(hide("first line\r\nsecond line\n}")).toBe("***");
    expect(hide("> second line <")).toBe("> *** <");
    expect(hide("nothing here }")).toBe("nothing here }");
  });

  test("leaves short values alone, and longer ones go first", () => {
    expect(maskOf(["12345", "a"])("12345 a")).toBe("12345 a");
    expect(maskOf(["123456"])("123456")).toBe("***");
    expect(maskOf(["secret", "secret-and-more"])("secret-and-more, secret")).toBe("***, ***");
    expect(maskOf([])("text")).toBe("text");
  });
});
