/** Logs as lines. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  appendLog,
  cleanLine,
  EMPTY_LOG,
  isFiltered,
  levelOf,
  splitMatches,
  visibleLines,
} from "../../../web/model/log.ts";

const ESC = "\u001b";
const texts = (log: typeof EMPTY_LOG): string[] => visibleLines(log).map((line) => line.text);

describe("cleaning", () => {
  test.each([
    [`${ESC}[31mred${ESC}[0m`, "red"],
    [`${ESC}[2K${ESC}[1Gprogress`, "progress"],
    [`${ESC}]0;title\u0007after`, "after"],
    [`${ESC}]8;;http://x${ESC}\\link${ESC}]8;;${ESC}\\`, "link"],
    ["10%\r50%\r100%", "100%"],
    ["windows\r", "windows"],
    ["bell\u0007 null\u0000 c1\u009b", "bell null c1"],
    ["tab\tstays", "tab\tstays"],
    ["ünïcode 🎉", "ünïcode 🎉"],
  ])("%j reads %j", (raw, text) => {
    expect(cleanLine(raw)).toBe(text);
  });

  test("an endless line is cut and says so", () => {
    const text = cleanLine("x".repeat(10_000));
    expect(text.length).toBeLessThan(4_100);
    expect(text).toMatch(/6000 more characters/);
  });

  test("no control character but the tab ever comes out", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (raw) => {
        const odd = [...cleanLine(raw)].filter((char) => char < " " && char !== "\t" && char !== "\n");
        expect(odd).toEqual([]);
      }),
    );
  });
});

describe("appending", () => {
  test("chunks may end inside a line, and inside an escape sequence", () => {
    const log = ["one\ntw", `o ${ESC}[3`, "1mred\nthr", "ee"].reduce(
      (so, chunk) => appendLog(so, chunk),
      EMPTY_LOG,
    );
    expect(texts(log)).toEqual(["one", "two red", "three"]);
    expect(visibleLines(log).map((line) => line.number)).toEqual([1, 2, 3]);
  });

  test("however a text is cut into chunks, the same lines come out", () => {
    const text = fc.array(fc.constantFrom("a", "b", "\n", "\r\n", `${ESC}[1m`, "é"), { maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(80), { maxLength: 6 }), (pieces, cuts) => {
        const whole = pieces.join("");
        const edges = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
        const chunks = edges.slice(1).map((edge, index) => whole.slice(edges[index], edge));
        const log = chunks.reduce((so, chunk) => appendLog(so, chunk), EMPTY_LOG);
        expect(texts(log)).toEqual(texts(appendLog(EMPTY_LOG, whole)));
      }),
    );
  });

  test("only the last lines are kept, and they keep their numbers", () => {
    const log = appendLog(appendLog(EMPTY_LOG, "a\nb\nc\n", 3), "d\ne\n", 3);
    expect(log.dropped).toBe(2);
    expect(log.lines.map((line) => `${line.number}${line.text}`)).toEqual(["3c", "4d", "5e"]);
  });
});

describe("levels", () => {
  test("the server's stamp becomes instant and level", () => {
    const log = appendLog(EMPTY_LOG, "2026-11-21T12:00:00.123Z warn low on space\n");
    expect(log.lines).toEqual([
      { number: 1, at: "2026-11-21T12:00:00.123Z", text: "low on space", level: "warning" },
    ]);
  });

  test("what a program calls an error is one, even when it was forwarded as info", () => {
    const log = appendLog(EMPTY_LOG, "2026-11-21T12:00:00.123Z info ERROR disk full\n");
    expect(log.lines[0]).toMatchObject({ text: "ERROR disk full", level: "error" });
  });

  test.each([
    ["Traceback (most recent call last):", "error"],
    ["WARN slow", "warning"],
    ["all is well", "plain"],
    ["terrors of the deep", "plain"],
  ])("%s is %s", (text, level) => {
    expect(levelOf(text)).toBe(level);
  });
});

test("the unfinished line is shown, too", () => {
  const log = appendLog(EMPTY_LOG, "Alpha\nbeta\nALPHABET");
  expect(visibleLines(log).map((line) => line.number)).toEqual([1, 2, 3]);
});

test.each([
  [{ search: "", level: "DEBUG" }, false],
  [{ search: " ", level: "DEBUG" }, true],
  [{ search: "", level: "INFO" }, true],
] as const)("%j leaves lines out: %s", (filter, filtered) => {
  expect(isFiltered(filter)).toBe(filtered);
});

describe("matches", () => {
  test("are cut out with their place", () => {
    expect(splitMatches("aXbxc", "x")).toEqual([
      { at: 0, text: "a", match: false },
      { at: 1, text: "X", match: true },
      { at: 2, text: "b", match: false },
      { at: 3, text: "x", match: true },
      { at: 4, text: "c", match: false },
    ]);
  });

  test("the pieces always make up the line", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 3 }), (text, search) => {
        expect(
          splitMatches(text, search)
            .map((piece) => piece.text)
            .join(""),
        ).toBe(text);
      }),
    );
  });
});
