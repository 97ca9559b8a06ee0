/** A real Chromium for tests of the dashboard, where one is installed, and pages in it that note what they may not do. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

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

export const DESK = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true };

/** Builds the dashboard unless it is. */
export function buildDashboard(): void {
  execFileSync(process.execPath, ["server/setup.mjs", "--web"], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    // Vitest's own NODE_ENV would make it a development build.
    env: { ...process.env, NODE_ENV: "production" },
  });
}

/** A page of its own session. What no page may do comes into `complaints`: fail, log an error, or ask another server. */
export async function openPage(
  browser: Browser,
  complaints: string[],
  options: BrowserContextOptions = DESK,
): Promise<Page> {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
  context.setDefaultTimeout(15_000);
  const opened = await context.newPage();
  opened.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  opened.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning")
      complaints.push(`console: ${message.text()}`);
  });
  opened.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (hostname !== "127.0.0.1" && protocol !== "data:" && protocol !== "blob:")
      complaints.push(`request to ${request.url()}`);
  });
  return opened;
}
