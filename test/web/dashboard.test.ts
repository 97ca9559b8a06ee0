/** The dashboard in a real browser, on a real server, with a worker that speaks the protocol. */
import { readFileSync } from "node:fs";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { startServer, type TestServer } from "../support/server.ts";
import {
  browserPath,
  buildDashboard,
  DESK,
  openBrowser,
  openPage,
  PHONE,
  WITHOUT_BROWSER,
} from "./browser.ts";

const HERE = browserPath === undefined ? `the dashboard (${WITHOUT_BROWSER})` : "the dashboard";
// The short report names no skipped test.
if (browserPath === undefined) console.warn(HERE);

type Lease = { id: string; run: string; job: string };

describe.skipIf(browserPath === undefined)(HERE, () => {
  let browser: Browser;
  let server: TestServer;
  let page: Page;
  /** What no page may do: fail, log an error, or ask another server. */
  let complaints: string[];

  beforeAll(async () => {
    buildDashboard();
    [browser, server] = await Promise.all([openBrowser(), startServer()]);
  });
  afterAll(() => Promise.all([browser?.close(), server?.close()]));

  const open = (options: BrowserContextOptions = DESK): Promise<Page> =>
    openPage(browser, complaints, options);

  beforeEach(async () => {
    complaints = [];
    page = await open();
  });
  afterEach(async () => {
    await page.context().close();
    expect(complaints).toEqual([]);
  });

  const at = (path: string, of = server): string => `${of.url}${path}`;
  const shows = (text: string | RegExp, where = page): Promise<void> =>
    where.getByText(text).first().waitFor({ state: "visible" });

  let jobs = 0;
  const makeJob = async (more: Record<string, unknown> = {}): Promise<string> => {
    const name = `job-${++jobs}`;
    await server.graphql("mutation ($input: JobInput!) { createJob(input: $input) { id } }", {
      input: { name, type: name, input: { greeting: "hello" }, ...more },
    });
    return name;
  };
  const startRun = async (job: string, more: Record<string, unknown> = {}): Promise<string> => {
    const { startRun } = await server.graphql<{ startRun: { id: string } }>(
      "mutation ($input: StartRunInput!) { startRun(input: $input) { id } }",
      { input: { job, ...more } },
    );
    return startRun.id;
  };
  const claim = async (type: string): Promise<Lease> => {
    const { body } = await server.call("POST", "/v1/leases", {
      executor: "test-worker",
      types: [type],
      waitSeconds: 10,
    });
    const [lease] = body.leases as unknown as Lease[];
    if (lease === undefined) throw new Error(`no run of type ${type} came within 10 s`);
    return lease;
  };
  const tell = async (lease: Lease, call: string, body: unknown): Promise<void> => {
    const { status } = await server.call("POST", `/v1/leases/${lease.id}/${call}`, body);
    expect(status).toBeLessThan(300);
  };
  const log = async (lease: Lease, body: string): Promise<void> => {
    const headers = { "content-type": "text/plain" };
    const { status } = await fetch(at(`/v1/leases/${lease.id}/logs`), { method: "POST", headers, body });
    expect(status).toBe(202);
  };

  const downloaded = async (button: string): Promise<string> => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: button }).click(),
    ]);
    return readFileSync(await download.path(), "utf8");
  };
  const signIn = async (token: string): Promise<void> => {
    await page.getByLabel("Token").fill(token);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  const secretOf = async (of: TestServer, role: string): Promise<string> => {
    const { createToken } = await of.graphql<{ createToken: { secret: string } }>(
      "mutation ($input: TokenInput!) { createToken(input: $input) { secret } }",
      { input: { name: role.toLowerCase(), role } },
    );
    return createToken.secret;
  };

  test("a run started from its job's page is followed live to its output", async () => {
    const job = await makeJob();
    await page.goto(at(`/jobs/${job}?ns=default`));
    await page.getByRole("button", { name: "Start a run" }).click();
    const dialog = page.getByRole("dialog");

    // What is not JSON is refused in the dialog, with its place.
    await dialog.getByLabel("Input").fill('{ "greeting": }');
    await shows(/this is not JSON \(line 1, column 15\)/);
    await dialog.getByLabel("Input").fill('{ "greeting": "from the page" }');
    await dialog.getByLabel("Priority").fill("9");
    await dialog.getByLabel("Tags").fill("from-page");
    await dialog.getByRole("button", { name: "Start the run" }).click();

    const heading = page.getByRole("heading", { level: 1 });
    await heading.getByText("Ready").waitFor();
    await shows('"from the page"');
    const lease = await claim(job);
    await heading.getByText("Running").waitFor();
    await log(lease, "first line\n\u001b[31mERROR second line\u001b[0m\n");
    await page.getByRole("log").getByText("first line").waitFor();
    await page.getByRole("log").getByText("ERROR second line").waitFor();
    await tell(lease, "heartbeat", { progress: 0.5, message: "half way" });
    await shows("half way");
    await page.getByRole("progressbar").first().waitFor();
    await log(lease, "third line\n");
    await page.getByRole("log").getByText("third line").waitFor();
    const file = await fetch(at(`/v1/leases/${lease.id}/files/result.txt`), {
      method: "PUT",
      body: "the result",
    });
    expect(file.status).toBe(201);
    await tell(lease, "complete", { output: { answer: 42 } });
    await heading.getByText("Succeeded").waitFor();
    await shows("42");
    await shows("test-worker");

    // What it left can be taken away.
    expect(await downloaded("Download result.txt")).toBe("the result");
    expect(await downloaded("Download the log")).toMatch(
      / first line\n.* ERROR second line\n.* third line\n$/,
    );

    // The log can be searched.
    await page.getByPlaceholder("Show lines that contain…").fill("SECOND");
    await shows("1 line fits");
    await expect.poll(() => page.getByRole("log").getByText("first line").count()).toBe(0);
  });

  test("a run that nobody takes says why, and says another thing when somebody could", async () => {
    const job = await makeJob({ group: "gpu", requires: { gpu: "a100" } });
    const id = await startRun(job);
    await page.goto(at(`/runs/${id}?ns=default`));
    await shows("The run waits for an executor: none has polled group gpu yet.");
    const gates = page.getByRole("list", { name: "Gates" });
    await gates.getByText("Executors", { exact: true }).waitFor();
    await shows("gpu=a100");
    const register = (labels: Record<string, string>) =>
      server.call("PUT", "/v1/executors/gpu-1", { groups: ["gpu"], labels });
    await register({ gpu: "h100" });
    await shows(/none of the 1 of group gpu has the labels gpu=a100/);
    await register({ gpu: "a100" });
    await shows("The run is the next of its queue and goes to the first executor that asks.");
    await gates.getByRole("link", { name: "gpu-1" }).click();
    await page.getByRole("heading", { level: 1 }).getByText("Executors").waitFor();
    await page.getByRole("row").filter({ hasText: "gpu-1" }).waitFor();
  });

  test("an executor shows its labels and load, and is drained only after a confirmation", async () => {
    await server.call("PUT", "/v1/executors/busy-1", {
      groups: ["default"],
      capacity: 4,
      labels: { zone: "eu" },
      load: { cpu: 0.95, memory: 0.4 },
      maxLoad: { cpu: 0.9 },
    });
    await page.goto(at("/executors?ns=default"));
    const row = page.getByRole("row").filter({ hasText: "busy-1" });
    for (const text of ["zone=eu", "CPU 95 % of 90 %", "Too busy for more"])
      await row.getByText(text).waitFor();
    await row.getByRole("button", { name: "Drain busy-1" }).click();
    await page.getByLabel("Reason").fill("new disk");
    await page.getByRole("button", { name: "Drain the executor" }).click();
    await row.getByText("Draining").waitFor();
    await row.getByText("new disk").waitFor();
    await row.getByRole("button", { name: "Stop draining busy-1" }).click();
    await row.getByText("Online").waitFor();
  });

  test("a long log is searched where it lies, by text and level, while it goes on", async () => {
    const id = await startRun(await makeJob());
    const lease = await claim(`job-${jobs}`);
    const append = async (lines: { level: string; message: string }[]): Promise<void> => {
      await fetch(at(`/v1/leases/${lease.id}/logs`), {
        method: "POST",
        headers: { "content-type": "application/x-ndjson" },
        body: lines.map((line) => JSON.stringify(line)).join("\n"),
      });
    };
    // More than the page keeps, so that the first lines are on the server only.
    await append([{ level: "warn", message: "needle at the beginning" }]);
    for (let at = 0; at < 3; at++) {
      const hay = Array.from({ length: 4_000 }, (_, n) => ({ level: "info", message: `hay ${at} ${n}` }));
      await append(hay);
    }
    await append([{ level: "error", message: "needle at the end" }]);
    await page.goto(at(`/runs/${id}?ns=default`));
    await page.getByRole("log").getByText("needle at the end").waitFor();
    await shows("lines are left out here");

    await page.getByPlaceholder("Show lines that contain…").fill("needle");
    await shows("2 lines fit");
    await page.getByRole("log").getByText("needle at the beginning").waitFor();
    await append([{ level: "debug", message: "another needle" }]);
    await page.getByRole("log").getByText("another needle").waitFor();
    await shows("3 lines fit");
    await page.getByLabel("Level").selectOption("Errors");
    await shows("1 line fits");
    await page.getByPlaceholder("Show lines that contain…").fill("hay");
    await shows("No line fits.");
    await page.getByLabel("Level").selectOption("All lines");
    await page.getByPlaceholder("Show lines that contain…").fill("");
    await page.getByRole("log").getByText("another needle").waitFor();
  });

  test("an output that is not JSON is said to be bytes, and can be taken away", async () => {
    const job = await makeJob();
    const id = await startRun(job);
    const lease = await claim(job);
    await tell(lease, "complete", { outputBase64: Buffer.from("the bytes").toString("base64") });
    await page.goto(at(`/runs/${id}?ns=default`));
    await shows("9 B that are not JSON.");
    expect(await downloaded(`Download run-${id}-output`)).toBe("the bytes");
  });

  test("a waiting run says when it starts, and is cancelled only after a confirmation", async () => {
    const job = await makeJob();
    const id = await startRun(job, { delay: "PT1H" });
    await page.goto(at(`/runs/${id}?ns=default`));
    await shows(/It starts at .* \(in (1h|59m.*|60m)\)/);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("dialog").getByText("Cancel this run?").waitFor();
    await page.keyboard.press("Escape");
    await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
    await page.getByRole("heading", { level: 1 }).getByText("Waiting").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Cancel the run" }).click();
    await page.getByRole("heading", { level: 1 }).getByText("Cancelled").waitFor();
    await page.getByRole("button", { name: "Retry" }).click();
    await page.getByRole("heading", { level: 1 }).getByText("Ready").waitFor();
  });

  test("a failed attempt shows its error, its retry and the time of the next try", async () => {
    const job = await makeJob({ retry: { fixed: { delay: "PT1H", max: 3 } } });
    const id = await startRun(job);
    await page.goto(at(`/runs/${id}?ns=default`));
    const lease = await claim(job);
    await tell(lease, "fail", {
      error: { message: "the disk is full", type: "DiskError", stack: "at line 1" },
    });
    await page.getByRole("heading", { level: 1 }).getByText("Retrying").waitFor();
    await shows(/It retries at .* \(in /);
    await shows("the disk is full");
    await page.getByRole("button", { name: "Show the stack" }).first().click();
    await shows("at line 1");
    await page.getByRole("table", { name: "Attempts" }).getByText("Failed").waitFor();
  });

  test("filters of the runs list live in the address and survive a reload", async () => {
    const job = await makeJob();
    await startRun(job, { delay: "PT1H", tags: ["red"] });
    await startRun(job, { tags: ["blue"] });
    await page.goto(at("/runs?ns=default"));
    const rows = page.getByRole("table", { name: "Runs, newest first" }).getByRole("row");
    await page.getByLabel("Job by name").fill(job);
    await expect.poll(() => rows.count()).toBe(3);
    await page.getByRole("button", { name: "Waiting" }).click();
    await expect.poll(() => rows.count()).toBe(2);
    const address = new URL(page.url());
    expect(address.searchParams.get("job")).toBe(job);
    expect(address.searchParams.getAll("state")).toEqual(["WAITING"]);
    await page.reload();
    await expect.poll(() => rows.count()).toBe(2);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByRole("textbox", { name: /Add a tag/ }).fill("blue");
    await page.keyboard.press("Enter");
    await expect.poll(() => rows.count()).toBe(2);
    await shows("tag blue");
  });

  test("thousands of runs that come while the list is read neither move it nor fill it", async () => {
    const job = await makeJob();
    await startRun(job);
    await page.goto(at(`/runs?ns=default&job=${job}`));
    const table = page.getByRole("table", { name: "Runs, newest first" });
    await table.getByRole("row").nth(1).hover();
    const first = await table.getByRole("link").first().getAttribute("href");
    // More at once than the page has room for between two looks.
    const thousand = "mutation ($inputs: [StartRunInput!]!) { startRuns(input: $inputs) { id } }";
    const inputs = Array.from({ length: 1_000 }, () => ({ job }));
    await Promise.all([1, 2, 3].map(async () => await server.graphql(thousand, { inputs })));
    await page.getByRole("button", { name: /new runs?$/ }).waitFor();
    expect(await table.getByRole("link").first().getAttribute("href")).toBe(first);
    // Those that arrive after the click wait for the next one.
    const shown = async () => {
      const more = page.getByRole("button", { name: /new runs?$/ });
      if (await more.isVisible()) await more.click();
      return await table.getByRole("row").count();
    };
    await expect.poll(shown).toBe(51);
    await page.getByRole("button", { name: "Older" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("after")).not.toBeNull();
    await expect.poll(() => table.getByRole("link").first().getAttribute("href")).not.toBe(first);
    expect(await table.getByRole("row").count()).toBeLessThanOrEqual(51);
  });

  test("a trigger is told in words, paused with a reason and resumed", async () => {
    const job = await makeJob();
    await page.goto(at(`/jobs/${job}?ns=default`));
    await page.getByRole("button", { name: "New trigger" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("workdays");
    await dialog.getByLabel("Cron expression").fill("30 7 * *");
    await dialog.getByRole("button", { name: "Create the trigger" }).click();
    await expect.poll(() => dialog.locator("[aria-invalid=true]").count()).toBe(1);
    await dialog.getByLabel("Cron expression").fill("30 7 * * 1-5");
    await dialog.getByText("At 07:30, Monday through Friday (UTC)").waitFor();
    await dialog.getByRole("button", { name: "Create the trigger" }).click();

    await shows("At 07:30, Monday through Friday (UTC)");
    await page.getByRole("button", { name: "Pause workdays" }).click();
    await dialog.getByLabel("Reason").fill("on holiday");
    await dialog.getByRole("button", { name: "Pause the trigger" }).click();
    await page.getByRole("heading", { level: 1 }).getByText("Paused").waitFor();
    await shows("on holiday");
    await page.goto(at("/triggers?ns=default&state=PAUSED"));
    await page.getByRole("row").getByRole("button", { name: "Resume workdays" }).click();
    await dialog.getByRole("button", { name: "Resume" }).click();
    await shows("No trigger fits these filters.");
    await page.goto(at("/triggers?ns=default"));
    await page.getByRole("cell", { name: "Active", exact: true }).waitFor();
  });

  test("a window of the day is set with its days, and its times tell what the clocks do", async () => {
    const job = await makeJob();
    await page.goto(at(`/jobs/${job}?ns=default`));
    await page.getByRole("button", { name: "New trigger" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("office-hours");
    await dialog.getByLabel("Fires").selectOption("dailyTimeInterval");
    await dialog.getByLabel("Every").fill("72m");
    await dialog.getByLabel("From").fill("01:30");
    await dialog.getByLabel("Until").fill("04:30");
    for (const day of ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SUNDAY"])
      await dialog.getByRole("button", { name: day }).click();
    await dialog.getByRole("button", { name: "Create the trigger" }).waitFor();
    await dialog.getByLabel("Time zone").fill("Europe/Berlin");
    await dialog.getByRole("button", { name: "Start, end, jitter" }).click();
    await dialog.getByLabel("Starts").fill("2030-03-31T00:00");
    await dialog.getByText("01:30:00 at +01:00").waitFor();
    await dialog.getByText("03:42:00 at +02:00").waitFor();
    await dialog.getByRole("button", { name: "Create the trigger" }).click();

    await shows("Every 1 hour 12 minutes from 01:30 to 04:30, on Sunday (Europe/Berlin)");
    await page.getByText("On that day the clocks go forward from 02:00 to 03:00.").first().waitFor();
  });

  test("the overview's numbers follow what happens, without a reload", async () => {
    const job = await makeJob();
    await page.goto(at("/?ns=default"));
    const running = page.getByRole("main").getByRole("link", { name: /^Running/ });
    await running.waitFor();
    const before = await running.innerText();
    await startRun(job);
    const lease = await claim(job);
    await page.getByRole("table", { name: "Latest runs" }).getByText(job).waitFor();
    await expect.poll(() => running.innerText(), { timeout: 10_000 }).not.toBe(before);
    await tell(lease, "complete", {});
    await expect.poll(() => running.innerText(), { timeout: 10_000 }).toBe(before);
    await page.getByRole("img", { name: /In the last 60 minutes/ }).waitFor();
  });

  test("an empty namespace tells a newcomer the next step, and a wrong address the way back", async () => {
    await server.graphql('mutation { createNamespace(input: { name: "empty" }) { id } }');
    await page.goto(at("/jobs?ns=empty"));
    await shows("No jobs in this namespace.");
    await shows(/curl -s .*\/graphql/);
    await page.goto(at("/no/such/page?ns=empty"));
    await page.getByRole("link", { name: "Go to the overview" }).click();
    await shows("Nothing has run here yet.");
  });

  test.each([
    ["light", DESK],
    ["dark", PHONE],
  ] as const)("every page fits its window: %s", async (colorScheme, size) => {
    const job = await makeJob({ description: "A long description ".repeat(20) });
    const id = await startRun(job, {
      delay: "PT1H",
      tags: ["a-rather-long-tag-of-a-run", "another-one", "three"],
    });
    await page.context().close();
    page = await open({ ...size, colorScheme });
    for (const path of [
      "/",
      "/runs",
      `/runs/${id}`,
      "/dead-letters",
      "/jobs",
      `/jobs/${job}`,
      "/triggers",
      "/forecast",
      "/calendars",
      "/backfills",
      "/executors",
    ]) {
      await page.goto(at(`${path}?ns=default`));
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      const width = await page.evaluate("document.documentElement.scrollWidth");
      expect(width, path).toBeLessThanOrEqual(size.viewport.width);
    }
    const background = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    expect(background).toBe(colorScheme === "dark" ? "rgb(13, 15, 18)" : "rgb(246, 245, 242)");
  });

  test("dead letters are grouped, redriven with another input, and many after a count", async () => {
    const job = await makeJob({ retry: { off: true } });
    const fail = async (type?: string): Promise<string> => {
      const id = await startRun(job);
      await tell(await claim(job), "fail", { error: { message: `${type} happened`, type } });
      return id;
    };
    const first = await fail("ValueError");
    await fail();
    for (let n = 0; n < 3; n++) await fail("Timeout");
    await page.goto(at("/dead-letters?ns=default"));
    const groups = page.getByRole("list", { name: "What they failed of" });
    const group = (type: string) => groups.getByRole("button", { name: new RegExp(`^${job} ${type}`) });
    await group("Timeout").getByText("3", { exact: true }).waitFor();

    // One, with the input it should have had.
    await group("ValueError").click();
    await page.getByRole("heading", { name: "1 dead letter" }).waitFor();
    await page.getByRole("button", { name: `Redrive this run of ${job}` }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Input").fill("{");
    await shows(/the text ends too early/);
    await dialog.getByLabel("Input").fill('{ "greeting": "mended" }');
    await dialog.getByRole("button", { name: "Redrive the run" }).click();
    await shows("The run is back in the queue.");
    await page.getByRole("button", { name: "Clear filters" }).click();
    await expect.poll(() => group("ValueError").count()).toBe(0);
    const { run } = await server.graphql<{ run: unknown }>(
      "query ($id: ID!) { run(id: $id) { state input deadLetter redrives { edited } } }",
      { id: first },
    );
    const input = { greeting: "mended" };
    expect(run).toEqual({ state: "READY", input, deadLetter: false, redrives: [{ edited: true }] });

    // Those without a type are a group like the others.
    await group("no type").click();
    await page.getByRole("heading", { name: "1 dead letter" }).waitFor();
    await page.getByRole("button", { name: "Discard…" }).click();
    await shows(`Discard the dead letters of ${job} that failed of an error without a type?`);
    await dialog.getByRole("button", { name: "Discard 1" }).click();
    await shows("1 dead letter discarded.");

    // Many: counted first, and not before a pace that can be.
    await group("Timeout").click();
    await page.getByRole("heading", { name: "3 dead letters" }).waitFor();
    await page
      .getByRole("button", { name: `Discard this run of ${job}` })
      .first()
      .click();
    await dialog.getByRole("button", { name: "Discard it" }).click();
    await page.getByRole("heading", { name: "2 dead letters" }).waitFor();
    await page.getByRole("button", { name: "Redrive…" }).click();
    await dialog.getByText("2 dead letters as of now.").waitFor();
    await dialog.getByLabel("Runs per second").fill("often");
    await expect.poll(() => dialog.getByRole("button", { name: "Redrive 2" }).isDisabled()).toBe(true);
    await dialog.getByLabel("Runs per second").fill("0.01");
    await dialog.getByRole("button", { name: "Redrive 2" }).click();
    await shows("2 dead letters redriven.");
    await page.goto(at(`/runs/${first}?ns=default`));
    await shows("failed before, with another input since");
    await page.goto(at(`/dead-letters?ns=default&job=${job}`));
    await shows("No dead letter fits these filters.");
  });

  test("the runs that fit the filters are cancelled together, after a count", async () => {
    const [job, other] = [await makeJob(), await makeJob()];
    for (let n = 0; n < 3; n++) await startRun(job);
    const kept = await startRun(other);
    await claim(job);
    await page.goto(at(`/runs?ns=default&job=${job}`));
    await page.getByRole("button", { name: "Cancel runs…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("3 runs as of now.").waitFor();
    await dialog.getByLabel("Reason").fill("wrong input");
    await dialog.getByRole("button", { name: "Cancel 3" }).click();
    await shows("3 runs cancelled or told to stop.");
    const { runs } = await server.graphql<{ runs: { nodes: { state: string; cancelRequested: boolean }[] } }>(
      "query ($job: String) { runs(filter: { job: $job }) { nodes { state cancelRequested } } }",
      { job },
    );
    expect(runs.nodes.map(({ state }) => state).sort()).toEqual(["CANCELLED", "CANCELLED", "RUNNING"]);
    expect(runs.nodes.find(({ state }) => state === "RUNNING")?.cancelRequested).toBe(true);
    const { run } = await server.graphql<{ run: { state: string } }>(
      "query ($id: ID!) { run(id: $id) { state } }",
      {
        id: kept,
      },
    );
    expect(run.state).toBe("READY");
    // A list of ended runs has nothing to cancel.
    await page.goto(at(`/runs?ns=default&job=${job}&state=CANCELLED`));
    await page.getByRole("table").waitFor();
    expect(await page.getByRole("button", { name: "Cancel runs…" }).count()).toBe(0);
  });

  test("a server with tokens asks for one, refuses a wrong one and then works live", async () => {
    const token = "open-sesame-open-sesame";
    const guarded = await startServer({ config: { adminToken: token }, token });
    try {
      await page.goto(at("/", guarded));
      await signIn("wrong");
      await shows("The server did not accept this token.");
      await signIn(token);
      await shows("Nothing has run here yet.");
      await guarded.graphql('mutation { createJob(input: { name: "j", type: "t" }) { id } }');
      await guarded.graphql('mutation { startRun(input: { job: "j" }) { id } }');
      const latest = page.getByRole("table", { name: "Latest runs" });
      await latest.getByText("j", { exact: true }).waitFor();
      await page.reload();
      await latest.waitFor();

      // Who may only look is offered nothing else; who may not even look is told so.
      await page.getByRole("button", { name: "Sign out" }).click();
      await signIn(await secretOf(guarded, "VIEWER"));
      await latest.getByText("j", { exact: true }).click();
      await page.getByRole("heading", { level: 1 }).getByText("Ready").waitFor();
      expect(await page.getByRole("button", { name: /^(Cancel|Retry|Start)/ }).count()).toBe(0);
      await page.getByRole("button", { name: "Sign out" }).click();
      await signIn(await secretOf(guarded, "WORKER"));
      await page.getByRole("button", { name: "Sign in with another token" }).click();
      await page.getByLabel("Token").waitFor();
    } finally {
      await guarded.close();
    }
    // Chromium logs refused requests itself.
    complaints = complaints.filter((complaint) => !/40[13]|WebSocket/.test(complaint));
  });

  test("a lost connection is said, and mended without a reload", async () => {
    const database: TestDatabase = await createTestDatabase();
    let current = await startServer({ databaseUrl: database.url });
    try {
      const port = Number(new URL(current.url).port);
      await current.graphql('mutation { createJob(input: { name: "j", type: "t" }) { id } }');
      await page.goto(at("/runs?ns=default", current));
      await shows("No runs yet.");
      await current.close();
      await shows(/The connection to the server is lost/);
      current = await startServer({ databaseUrl: database.url, config: { port } });
      await current.graphql('mutation { startRun(input: { job: "j" }) { id } }');
      await page.getByRole("table", { name: "Runs, newest first" }).waitFor();
      await expect.poll(() => page.getByText(/The connection to the server is lost/).count()).toBe(0);
    } finally {
      await current.close();
      await database.drop();
    }
    complaints = complaints.filter((complaint) => !/ERR_CONNECTION_REFUSED|WebSocket/.test(complaint));
  });
});
