/** A real Chromium for tests of the dashboard, where one is installed. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const CANDIDATES = [
  process.env.CHROMIUM_PATH,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** Where the browser is; undefined when there is none, and tests that need one are then skipped. */
export const browserPath: string | undefined = CANDIDATES.find(
  (path): path is string => path !== undefined && existsSync(path),
);

/** What a skipped test says. */
export const WITHOUT_BROWSER = "skipped: no Chromium here (install it, or set CHROMIUM_PATH)";

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(browserPath === undefined ? {} : { executablePath: browserPath }),
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
