/** What the build writes for browsers. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import config from "../../web/vite.config.ts";

const folder = mkdtempSync(join(tmpdir(), "escapement-web-"));
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

beforeAll(async () => {
  await build({
    ...config,
    configFile: false,
    logLevel: "error",
    build: { ...config.build, outDir: folder },
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the page has no script of its own, so that a strict Content-Security-Policy can forbid them", () => {
  const scripts = [...read("index.html").matchAll(/<script([^>]*)>([^<]*)/g)];
  expect(scripts.length).toBeGreaterThan(0);
  for (const [, attributes, text] of scripts) {
    expect(attributes).toMatch(/ src="\/assets\//);
    expect(text).toBe("");
  }
  expect(read("index.html")).not.toMatch(/ on\w+=|<style|javascript:/);
});

test("the page and its styles point at nothing but this server", () => {
  const links = [...read("index.html").matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link);
  expect(links.filter((link) => !link?.startsWith("/"))).toEqual([]);
  const styles = readdirSync(join(folder, "assets")).filter((name) => name.endsWith(".css"));
  expect(styles.length).toBeGreaterThan(0);
  for (const name of styles) {
    const targets = [...read(join("assets", name)).matchAll(/url\(([^)]*)\)|@import/g)].map(
      ([, target]) => target,
    );
    expect(targets.filter((target) => !target?.startsWith("/"))).toEqual([]);
  }
});
