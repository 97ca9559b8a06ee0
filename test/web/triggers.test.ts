/** Triggers, calendars, forecasts and backfills in a real browser, on a real server, with a worker over HTTP. */
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
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

const HERE =
  browserPath === undefined ? `triggers on the dashboard (${WITHOUT_BROWSER})` : "triggers on the dashboard";

/** Controls that a screen reader has no name for. */
const NAMELESS = `[...document.querySelectorAll("input, select, textarea, button, a[href], [role=progressbar], [role=img]")]
  .filter((each) => each.checkVisibility() && !(each.labels?.length || each.getAttribute("aria-label")
    || each.title || each.textContent.trim()))
  .map((each) => each.outerHTML.slice(0, 200))`;

/** Whether a dialog's form would have to be scrolled sideways. */
const WIDE = `[...document.querySelectorAll("[role=dialog] form > div")].some((each) => each.scrollWidth > each.clientWidth)`;

describe.skipIf(browserPath === undefined)(HERE, () => {
  let browser: Browser;
  let server: TestServer;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    buildDashboard();
    [browser, server] = await Promise.all([openBrowser(), startServer()]);
    await server.graphql(`mutation { createJob(input: { name: "report", type: "report" }) { id } }`);
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

  const go = (path: string): Promise<unknown> => page.goto(`${server.url}${path}`);
  const shows = (text: string | RegExp, where: Page | Locator = page): Promise<void> =>
    where.getByText(text).first().waitFor({ state: "visible" });
  const button = (name: string | RegExp, where: Page | Locator = page): Locator =>
    where.getByRole("button", { name, exact: typeof name === "string" });
  const dialog = (): Locator => page.getByRole("dialog");
  const address = (): URLSearchParams => new URL(page.url()).searchParams;

  const trigger = (name: string, more: object = {}): Promise<unknown> =>
    server.graphql("mutation ($input: TriggerInput!) { createTrigger(input: $input) { id } }", {
      input: { name, job: "report", schedule: { cron: { expression: "0 9 * * *" } }, ...more },
    });
  const calendar = (name: string, rule: object, more: object = {}): Promise<unknown> =>
    server.graphql("mutation ($input: CalendarInput!) { createCalendar(input: $input) { id } }", {
      input: { name, rule, ...more },
    });
  /** The weekdays of the fires that a preview or a page lists, 0 being Sunday. */
  const weekdays = async (where: Locator): Promise<number[]> => {
    const times = await where
      .locator("time")
      .evaluateAll((each) => each.map((time) => time.getAttribute("datetime") ?? ""));
    return times.map((at) => new Date(at).getUTCDay());
  };
  const state = async (name: string): Promise<unknown> => {
    const read = "query ($name: String!) { trigger(name: $name) { state } }";
    const { trigger: found } = await server.graphql<{ trigger: { state: string } | null }>(read, { name });
    return found?.state;
  };

  test("a calendar made in its dialog changes the preview of a trigger, and moves its times", async () => {
    await go("/calendars?ns=default");
    await shows("No calendars in this namespace.");
    await button("New calendar").click();
    await dialog().getByLabel("Name", { exact: true }).fill("weekends");
    await dialog().getByRole("button", { name: "SATURDAY" }).click();
    await dialog().getByRole("button", { name: "SUNDAY" }).click();
    await button("Create the calendar").click();
    await shows("Choose a day at least.");
    await dialog().getByRole("button", { name: "SATURDAY" }).click();
    await dialog().getByRole("button", { name: "SUNDAY" }).click();
    await button("Create the calendar").click();
    await page.getByRole("heading", { level: 1, name: "weekends" }).waitFor();
    await shows("Saturdays and Sundays");
    await page
      .getByRole("region", { name: /^January/ })
      .getByText("excluded")
      .first()
      .waitFor({ state: "attached" });

    await go("/triggers?ns=default");
    await button("New trigger").first().click();
    await dialog().getByLabel("Name", { exact: true }).fill("workdays");
    await dialog().getByLabel("Job").fill("report");
    await dialog().getByLabel("Cron expression").fill("0 9 * *");
    const preview = dialog().getByRole("complementary", { name: "Preview" });
    await shows(/has 4 fields/, preview);
    await dialog().getByLabel("Cron expression").fill("0 9 * * *");
    await shows("At 09:00 (UTC)", preview);
    // Eight days in a row have a weekend in them.
    await expect.poll(() => weekdays(preview)).toEqual(expect.arrayContaining([0, 6]));
    await dialog().getByRole("checkbox", { name: "weekends" }).check();
    await expect.poll(() => weekdays(preview)).not.toEqual(expect.arrayContaining([0]));
    expect(await weekdays(preview)).not.toContain(6);
    await dialog().getByLabel("Cron expression").fill("0 9 * * SUN");
    await shows("None: it would never fire.", preview);
    await dialog().getByLabel("An excluded time").selectOption("NEXT_DAY");
    await shows(/Moved from \d{4}-\d\d-\d\d by a calendar\./, preview);
    expect(new Set(await weekdays(preview))).toEqual(new Set([1]));
    await button("Create the trigger").click();

    await page.getByRole("heading", { level: 1, name: /^workdays/ }).waitFor();
    await shows("an excluded time fires on the next included day");
    await page.getByRole("list", { name: "What weekends excludes next" }).waitFor();
  });

  test("an edit shows what becomes of the fires before it is done, and takes in what others changed", async () => {
    await trigger("edited");
    await go("/triggers/edited?ns=default");
    await button("Edit").click();
    expect(await button("Show what changes").isDisabled()).toBe(true);
    await dialog().getByLabel("Cron expression").fill("0 10 * * *");
    await button("Show what changes").click();
    await shows("30 fires move from 09:00 to 10:00.", dialog());
    await dialog().getByRole("table", { name: "Fires that change" }).getByText("Moved").first().waitFor();
    await button("Back").click();
    await dialog().getByLabel("Cron expression").fill("0 9,21 * * *");
    await button("Show what changes").click();
    await shows(/^(29|30|31) fires are new, each at 21:00\.$/, dialog());
    await shows("30 fires stay as they are.", dialog());
    expect(await state("edited")).toBe("NORMAL");

    // Somebody else is faster: what they changed is taken in, what was written here stays.
    await server.graphql(`mutation { updateTrigger(name: "edited", input: { priority: 8 }) { id } }`);
    await button("Confirm the change").click();
    await shows(/Somebody changed this trigger since you opened this/, dialog());
    await button("Take it in").click();
    await button(/^Each run/).click();
    expect(await dialog().getByLabel("Priority").inputValue()).toBe("8");
    expect(await dialog().getByLabel("Cron expression").inputValue()).toBe("0 9,21 * * *");
    await button("Show what changes").click();
    await shows(/fires are new/, dialog());
    await button("Confirm the change").click();
    await shows("edited is changed.");
    await shows("At 09:00 and 21:00 (UTC)");
    const { trigger: now } = await server.graphql(
      `{ trigger(name: "edited") { priority schedule { ... on CronSchedule { expression } } } }`,
    );
    expect(now).toEqual({ priority: 8, schedule: { expression: "0 9,21 * * *" } });
  });

  test("a trigger is paused until a time, and resumed with a choice about what it missed", async () => {
    await trigger("withheld", { schedule: { cron: { expression: "0 * * * *" } } });
    await go("/triggers/withheld?ns=default");
    await button("Pause withheld").click();
    await dialog().getByLabel("Reason").fill("the books are closed");
    await dialog().getByLabel("Until").fill("2020-01-01T08:00");
    await button("Pause the trigger").click();
    await shows(/has passed already/, dialog());
    await dialog().getByLabel("Until").fill("2100-01-01T08:00");
    await button("Pause the trigger").click();
    const pauses = page.getByRole("region", { name: "What pauses it" });
    await shows(/^Paused: the books are closed by anybody .* ends in /, pauses);
    await shows("None while it is paused.");
    await server.database.sql`
      update escapement.trigger set next_at = date_trunc('hour', escapement.clock()) - interval '3 hours',
        noted_until = date_trunc('hour', escapement.clock()) - interval '4 hours' where name = 'withheld'`;

    await button("Resume withheld", pauses).click();
    await shows(/as its policy says: fired once for all that are more than 1 minute late/, dialog());
    await dialog().getByRole("radio", { name: "none of them fires" }).check();
    await button("Resume", dialog()).click();
    await shows("withheld fires again.");
    await expect.poll(() => pauses.count()).toBe(0);
    const ledger = page.getByRole("table", { name: "Occurrences" });
    await expect.poll(() => ledger.getByText("Paused", { exact: true }).count()).toBe(4);

    // The filter is in the address.
    await page.getByRole("button", { name: "Fired", exact: true }).click();
    await shows("No time ended so.");
    expect(address().getAll("outcome")).toEqual(["FIRED"]);
    await page.reload();
    await shows("No time ended so.");
    await page.getByRole("button", { name: "Fired", exact: true }).click();
    await page.getByRole("group", { name: "Outcomes" }).getByRole("button", { name: "Paused" }).click();
    await expect.poll(() => ledger.getByRole("row").count()).toBe(5);
  });

  test("a group is paused after a count, stands on the list as a banner, and goes on together", async () => {
    for (const name of ["night-1", "night-2"]) await trigger(name, { group: "night" });
    await trigger("by-day");
    await go("/triggers?ns=default&group=night");
    await button("Pause many…").click();
    expect(await dialog().getByLabel("Group").inputValue()).toBe("night");
    await shows("2 active triggers stop firing.", dialog());
    await dialog().getByLabel("Group").fill("nobody");
    await shows("No active trigger is among them as of now.", dialog());
    await dialog().getByLabel("The triggers").selectOption("NAMESPACE");
    await shows(/^[3-9]\d* active triggers stop firing\.$/, dialog());
    await dialog().getByLabel("The triggers").selectOption("GROUP");
    await dialog().getByLabel("Group").fill("night");
    await dialog().getByLabel("Reason").fill("moving house");
    await button("Pause them").click();
    const banner = page.getByRole("region", { name: "Pauses" });
    await shows(/^Paused: the group night: moving house by anybody .* until somebody resumes$/, banner);
    const paused = page.getByRole("row").filter({ hasText: "Paused" });
    await expect.poll(() => paused.count()).toBe(2);
    await page.getByLabel("State").selectOption("Active");
    await shows("No trigger fits these filters.");
    await button("Resume the group night", banner).click();
    await button("Resume", dialog()).click();
    await shows("2 triggers fire again.");
    await page.getByRole("link", { name: "night-1" }).waitFor();
    await expect.poll(() => banner.getByText("night").count()).toBe(0);
  });

  test("a trigger runs now, is reset from an error and deleted", async () => {
    await server.graphql(`mutation { createJob(input: { name: "gone", type: "gone" }) { id } }`);
    await trigger("orphan", { job: "gone", input: { a: 1 } });
    await go("/triggers/orphan?ns=default");
    await button("Run now").click();
    await dialog().getByLabel("Input").fill('{ "by": "hand" }');
    await button("Run it now").click();
    await page.getByRole("heading", { level: 1, name: /^gone/ }).waitFor();
    await shows('"hand"');
    await server.graphql(`mutation { deleteJob(name: "gone", keepTriggers: true) }`);
    await go("/triggers/orphan?ns=default");
    await shows('its job "gone" was deleted');
    await button("Reset orphan").click();
    await shows(/there is no job "gone" any more/);
    await server.graphql(`mutation { createJob(input: { name: "gone", type: "gone" }) { id } }`);
    await button("Reset orphan").click();
    await page.getByRole("heading", { level: 1 }).getByText("Active").waitFor();
    await button("Delete orphan").click();
    await button("Delete the trigger").click();
    await page.getByRole("heading", { level: 1, name: "Triggers" }).waitFor();
    await expect.poll(() => state("orphan")).toBeUndefined();
  });

  test("an audit finds nothing in a sound ledger, and what is missing in another", async () => {
    await trigger("audited", { schedule: { fixedRate: { every: "PT0.2S" } } });
    const fired = async () => {
      const { trigger: found } = await server.graphql<{ trigger: { firedCount: number } }>(
        `{ trigger(name: "audited") { firedCount } }`,
      );
      return found.firedCount;
    };
    await expect.poll(fired).toBeGreaterThan(5);
    await server.graphql(`mutation { pauseTrigger(name: "audited") { id } }`);
    await go("/triggers/audited?ns=default");
    await button("Audit…").click();
    await button("Audit", dialog()).click();
    await shows(/^Every time is accounted for: \d+ times of the schedule and \d+ runs looked up/, dialog());
    await server.database.sql`
      delete from escapement.occurrence where scheduled_at = (
        select min(o.scheduled_at) from escapement.occurrence o join escapement.trigger t on t.id = o.trigger_id
        where t.name = 'audited') and trigger_id = (select id from escapement.trigger where name = 'audited')`;
    await button("Audit", dialog()).click();
    await shows(/^The ledger differs from the schedule: .* 1 difference\.$/, dialog());
    await dialog().getByRole("table", { name: "Differences" }).getByText("Missing").waitFor();
    await dialog().getByLabel("To", { exact: true }).fill("2020-01-01T00:00");
    await button("Audit", dialog()).click();
    await shows(/is before from/, dialog());
  });

  const work = async (outcome: "complete" | "fail"): Promise<void> => {
    const claim = { executor: "test-worker", types: ["report"], waitSeconds: 10 };
    const { body } = await server.call("POST", "/v1/leases", claim);
    const [lease] = (body as { leases?: { id: string }[] }).leases ?? [];
    if (lease === undefined) throw new Error("no run came within 10 s");
    const how = outcome === "fail" ? { error: { message: "no such day" }, retry: false } : {};
    const { status } = await server.call("POST", `/v1/leases/${lease.id}/${outcome}`, how);
    expect(status).toBeLessThan(300);
  };
  /** What other tests have left in the queue is none of this one's business. */
  const clearQueue = async (): Promise<void> => {
    await server.graphql(`mutation { cancelRuns(filter: { job: "report" }) { changed } }`);
  };

  test("a backfill is planned, started from its trigger's page and followed to its end", async () => {
    await clearQueue();
    await trigger("nightly", { schedule: { cron: { expression: "30 2 * * *" } } });
    await go("/triggers/nightly?ns=default");
    await button("Backfill…").click();
    await button("Show the dates").click();
    await shows("Choose a date and a time.", dialog());
    await dialog().getByLabel("From").fill("2026-01-01T00:00");
    await dialog().getByLabel("To", { exact: true }).fill("2026-01-03T12:00");
    await dialog().getByLabel("Order").selectOption("the last date first");
    await dialog().getByLabel("At once").fill("2");
    await button("Show the dates").click();
    await shows("3 dates: each gets a run, 2 at once, the last first.", dialog());
    const dates = dialog()
      .getByRole("list", { name: /^Dates/ })
      .getByRole("listitem");
    expect(await dates.allInnerTexts()).toEqual(
      ["3 Jan", "2 Jan", "1 Jan"].map((day) => expect.stringContaining(day)),
    );
    await button("Start the backfill").click();

    const heading = page.getByRole("heading", { level: 1 });
    await heading.getByText("Running").waitFor();
    const rows = page.getByRole("table", { name: "Dates" }).getByRole("row");
    await expect.poll(() => rows.getByText("Started").count()).toBe(2);
    await work("complete");
    await page.getByRole("progressbar", { name: /1 succeeded/ }).waitFor();
    await work("fail");
    await shows("no such day");
    await work("complete");
    await heading.getByText("Complete").waitFor();
    await page.getByRole("progressbar", { name: "2 succeeded, 1 failed" }).waitFor();
    await page.getByRole("group", { name: "States" }).getByRole("button", { name: "Failed" }).click();
    await expect.poll(() => rows.count()).toBe(2);
    expect(address().getAll("state")).toEqual(["FAILED"]);
    await rows.getByRole("link", { name: /^Run / }).click();
    await page.getByRole("link", { name: "a backfill of nightly" }).click();
    await heading.getByText("Backfill of nightly").waitFor();

    // What has succeeded is kept when the same dates are asked for again.
    await go("/backfills?ns=default&state=COMPLETE");
    await page.getByRole("link", { name: "nightly" }).waitFor();
    await go("/triggers/nightly?ns=default");
    await page.getByRole("link", { name: /^3 dates, 100 % done/ }).waitFor();
    await button("Backfill…").click();
    await dialog().getByLabel("Which").selectOption("a list of dates");
    await dialog()
      .getByLabel("Dates", { exact: true })
      .fill("2026-01-01T02:30Z\n2026-01-02T02:30Z\n2026-01-03T02:30Z");
    await dialog().getByLabel("Dates that have had a run").selectOption("FAILED");
    await button("Show the dates").click();
    await shows("3 dates: 1 gets a run, one after the other.", dialog());
    await shows("2 had a run already and keep it.", dialog());
  });

  test("a backfill of a job's days stops at a failure, goes on, is paused and cancelled with a reason", async () => {
    await clearQueue();
    await go("/backfills?ns=default");
    await button("New backfill").first().click();
    await dialog().getByLabel("Of", { exact: true }).selectOption("job");
    await dialog().getByLabel("Job").fill("report");
    await dialog().getByLabel("Time zone of the days").fill("Mars/Base");
    await dialog().getByLabel("From").fill("2026-02-01T00:00");
    await dialog().getByLabel("To", { exact: true }).fill("2026-02-05T00:00");
    await dialog().getByLabel("When a date fails").selectOption("STOP");
    await button("Show the dates").click();
    await expect.poll(() => dialog().locator("[aria-invalid=true]").count()).toBe(1);
    await dialog().getByLabel("Time zone of the days").fill("UTC");
    await button("Show the dates").click();
    await shows("5 dates: each gets a run, one after the other.", dialog());
    await button("Start the backfill").click();
    const heading = page.getByRole("heading", { level: 1 });
    await heading.getByText("Running").waitFor();
    await work("fail");
    await heading.getByText("Stopped").waitFor();
    await shows("a date failed");
    await button("Resume").click();
    await heading.getByText("Running").waitFor();
    await button("Pause").click();
    await dialog().getByLabel("Reason").fill("lunch");
    await button("Pause the backfill").click();
    await heading.getByText("Paused").waitFor();
    await shows("lunch");
    await button("Cancel").click();
    await dialog().getByLabel("Reason").fill("the wrong year");
    await button("Cancel the backfill").click();
    await heading.getByText("Cancelled").waitFor();
    await shows("the wrong year");
    expect(await button(/^(Resume|Pause|Cancel)$/).count()).toBe(0);
  });

  test("a forecast shows peaks, zooms by the address and by dragging, and says where it ends", async () => {
    for (const [index, group] of ["peak", "peak", "lone"].entries())
      await trigger(`ahead-${index}`, { group, schedule: { cron: { expression: "15 6 * * *" } } });
    await go("/forecast?ns=default&group=peak");
    const chart = page.getByRole("img", { name: /^60 fires; the fullest minute is .*06:15, with 2$/ });
    await chart.locator("canvas").waitFor();
    await shows("2 triggers counted, all that are active.");
    const fullest = page.getByRole("table", { name: "The fullest minutes" });
    await expect.poll(() => fullest.getByRole("row").count()).toBe(21);
    await page.getByLabel("Group by name").fill("lone");
    await page.getByRole("img", { name: /^30 fires; .* with 1$/ }).waitFor();
    expect(address().get("group")).toBe("lone");

    // A drag over a third of the plot shows about ten days.
    const over = page.locator(".u-over");
    const box = await over.boundingBox();
    if (box === null) throw new Error("the chart has no plot");
    await page.mouse.move(box.x + box.width / 3, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + (box.width * 2) / 3, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.getByRole("img", { name: /^(9|10|11) fires; / }).waitFor();
    const days =
      (Date.parse(address().get("until") ?? "") - Date.parse(address().get("from") ?? "")) / 86_400_000;
    expect(days).toBeGreaterThan(9);
    expect(days).toBeLessThan(11);
    await page.reload();
    await page.getByRole("img", { name: /^(9|10|11) fires; / }).waitFor();
    await button(/^Show the hour around/)
      .first()
      .click();
    await page.getByRole("img", { name: /^1 fire; / }).waitFor();
    await shows("Each bar is a minute.");
    await button("30d").click();
    await page.getByRole("img", { name: /^30 fires; / }).waitFor();

    // Each second of a month is more than can be computed.
    await trigger("dense", {
      group: "dense",
      schedule: { cron: { expression: "* * * * * *" } },
      startAt: new Date(Date.now() + 86_400_000).toISOString(),
    });
    await go("/forecast?ns=default&group=dense");
    await shows(/There are too many fires to compute them all: the forecast ends at /);
    await go("/forecast?ns=default&group=nobody");
    await shows("No active trigger fits these filters.");
  });

  const ICS = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Escapement//Test//EN",
    ...["20301225,Christmas", "20301226,Boxing Day"].flatMap((line) => {
      const [date, name] = line.split(",");
      const lines = [
        "BEGIN:VEVENT",
        `UID:${date}@test`,
        "DTSTAMP:20300101T000000Z",
        `DTSTART;VALUE=DATE:${date}`,
      ];
      return [...lines, `SUMMARY:${name}`, "END:VEVENT"];
    }),
    "BEGIN:VEVENT",
    "UID:old@test",
    "DTSTAMP:20300101T000000Z",
    "SUMMARY:Without a beginning",
    "END:VEVENT",
    "END:VCALENDAR",
    "",
  ].join("\r\n");

  test("an iCalendar file is looked at, then imported; what is left out of it is said", async () => {
    await go("/calendars?ns=default");
    await button("Import…").click();
    await button("Read the file").click();
    await shows("Choose a file, or paste its text.", dialog());
    const file = { name: "Public holidays.ics", mimeType: "text/calendar", buffer: Buffer.from(ICS) };
    await dialog().getByLabel("File").setInputFiles(file);
    await expect
      .poll(() => dialog().getByLabel("Name", { exact: true }).inputValue())
      .toBe("Public-holidays");
    await button("Read the file").click();
    await shows("2 days, the next is Wed, 25 Dec 2030 (Christmas)", dialog());
    await dialog()
      .getByRole("region", { name: "Left out" })
      .getByText(/Without a beginning/)
      .waitFor();
    await shows("No trigger goes by it.", dialog());
    await button("Import it").click();
    await page.getByRole("heading", { level: 1, name: "Public-holidays" }).waitFor();
    await go("/calendars/Public-holidays?ns=default&year=2029");
    await page.getByRole("link", { name: "The year after, 2030" }).click();
    expect(address().get("year")).toBe("2030");
    const december = page.getByRole("region", { name: "December 2030" });
    await december.getByTitle("Wed, 25 Dec 2030: excluded by Public-holidays: Christmas").waitFor();
  });

  test("replacing a calendar shows which triggers move, and one in use is not deleted", async () => {
    await calendar("closed", { holidays: { dates: [{ date: "2020-01-01" }] } });
    await calendar("sundays", { weekly: { weekdays: ["SUNDAY"] } });
    await trigger("goes-by-it", { calendars: ["closed"], schedule: { cron: { expression: "0 9 * * *" } } });
    const day = new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10);
    await go("/calendars/closed?ns=default");
    await shows("1 day, all of them past");
    await button("Edit").click();
    await dialog().getByLabel("Another date").fill(day);
    await dialog().getByLabel("What that date is").fill("Stocktaking");
    await button("Add").click();
    expect(await dialog().getByLabel("Dates").inputValue()).toBe(`2020-01-01\n${day} Stocktaking`);
    await dialog().getByLabel("Base").selectOption("sundays");
    await dialog().getByLabel("Base").selectOption("");
    await button("Show what changes").click();
    await shows("1 trigger goes by it; none of them is due at another time next.", dialog());
    await dialog().getByText("goes-by-it").click();
    await shows("1 fire no longer happens, at 09:00.", dialog());

    await server.graphql(
      `mutation { updateCalendar(name: "closed", input: { rule: { holidays: { dates: [{ date: "2021-01-01" }] } } }) { id } }`,
    );
    await button("Confirm the change").click();
    await shows(/Somebody changed this calendar/, dialog());
    await button("Take it in").click();
    expect(await dialog().getByLabel("Dates").inputValue()).toBe(`2020-01-01\n${day} Stocktaking`);
    await button("Show what changes").click();
    await button("Confirm the change").click();
    await shows("closed is changed.");
    await page.getByRole("list", { name: "Entries" }).getByText("Stocktaking").waitFor();
    await shows("closed: Stocktaking");
    await page.getByRole("link", { name: "goes-by-it" }).waitFor();

    await button("Delete closed").click();
    await button("Delete the calendar").click();
    await shows(/the calendar is in use by trigger "goes-by-it"/, dialog());
  });

  test("each kind of rule is made in its form and told on its page", async () => {
    const kinds: [kind: string, fill: () => Promise<void>, words: string | RegExp][] = [
      [
        "annual",
        () => dialog().getByLabel("Days").fill("12-25, 01-01"),
        "1 January and 25 December of every year",
      ],
      ["monthly", () => dialog().getByLabel("Days").fill("1, -1"), "The 1st and the last day of every month"],
      [
        "daily",
        async () => {
          await dialog().getByLabel("Excluded is").selectOption("outside");
          await dialog().getByLabel("From").fill("08:00");
          await dialog().getByLabel("Until").fill("18:00");
        },
        "Every day but 08:00 to 18:00",
      ],
      [
        "periods",
        () =>
          dialog()
            .getByLabel("Periods", { exact: true })
            .fill("2030-03-01T22:00Z 2030-03-02T02:00Z Migration"),
        /^1 period, the next is from 1 Mar 2030 22:00:00 \(Migration\)$/,
      ],
      [
        "cron",
        () => dialog().getByLabel("Cron expression").fill("* 12 * * *"),
        "Every minute, between 12:00 and 12:59 (UTC)",
      ],
    ];
    await go("/calendars?ns=default");
    for (const [kind, fill, words] of kinds) {
      await page.getByRole("navigation").getByRole("link", { name: "Calendars" }).click();
      await button("New calendar").click();
      await dialog().getByLabel("Name", { exact: true }).fill(`kind-${kind}`);
      await dialog().getByLabel("Excludes").selectOption(kind);
      await fill();
      await button("Create the calendar").click();
      await shows(words);
    }
    // Of a rule of every day the year is known to its end.
    await go("/calendars/kind-daily?ns=default&year=2030");
    await page.getByTitle("Tue, 31 Dec 2030: partly excluded by kind-daily").waitFor();
  });

  test("newer rules of time zones are reported with what they moved", async () => {
    await trigger("zoned");
    await server.database.sql`
      insert into escapement.time_zone_update (before, after, ended_at, examined, moved, moves)
      select '2025a', '2025b', escapement.clock(), 7, 1, jsonb_build_array(jsonb_build_object('triggerId', id,
        'before', 1893456000000, 'after', 1893459600000)) from escapement.trigger where name = 'zoned'`;
    await go("/triggers?ns=default");
    await shows(/From 2025a to 2025b: 1 of 7 triggers moved\./);
    await page.getByText("From when to when").click();
    await shows(/1 Jan 2030 00:00:00 to 1 Jan 2030 01:00:00/);
  });

  test("every page and dialog fits a phone and names its controls", async () => {
    const name = "shown";
    await calendar(
      `c-${name}`,
      { daily: { from: "18:00", until: "08:00" } },
      { description: "Long ".repeat(40) },
    );
    await trigger(name, { calendars: [`c-${name}`], group: "a-rather-long-name-of-a-group" });
    await server.graphql(
      "mutation ($scope: TriggerScope!, $reason: String) { pauseTriggers(scope: $scope, reason: $reason) { at } }",
      {
        scope: { group: { group: "a-rather-long-name-of-a-group" } },
        reason: "a long reason ".repeat(12),
      },
    );
    const { createBackfill } = await server.graphql<{ createBackfill: { id: string } }>(
      `mutation { createBackfill(input: { job: "report", from: "2026-01-01T00:00:00Z", to: "2026-01-09T00:00:00Z" }) { id } }`,
    );
    await page.context().close();
    page = await open({ ...PHONE, colorScheme: "dark" });
    const check = async (what: string): Promise<void> => {
      const width = await page.evaluate("document.documentElement.scrollWidth");
      expect(width, what).toBeLessThanOrEqual(PHONE.viewport.width);
      expect(await page.evaluate(WIDE), what).toBe(false);
      expect(await page.evaluate(NAMELESS), what).toEqual([]);
    };
    const pages: [path: string, dialogs: string[]][] = [
      ["/triggers", ["New trigger", "Pause many…", "Resume the group a-rather-long-name-of-a-group"]],
      [`/triggers/${name}`, ["Run now", "Edit", "Backfill…", "Audit…", `Delete ${name}`, `Pause ${name}`]],
      ["/forecast", []],
      ["/calendars", ["New calendar", "Import…"]],
      [`/calendars/c-${name}`, ["Edit", "Import…", `Delete c-${name}`]],
      ["/backfills", ["New backfill"]],
      [`/backfills/${createBackfill.id}`, ["Pause", "Cancel"]],
    ];
    for (const [path, dialogs] of pages) {
      await go(`${path}?ns=default`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      await check(path);
      for (const opens of dialogs) {
        await button(opens).first().click();
        await dialog().waitFor();
        await check(`${path}: ${opens}`);
        await dialog().getByRole("button", { name: "Close", exact: true }).click();
        await dialog().waitFor({ state: "detached" });
      }
    }
    await server.graphql("mutation ($scope: TriggerScope!) { resumeTriggers(scope: $scope) }", {
      scope: { group: { group: "a-rather-long-name-of-a-group" } },
    });
  });

  test("on a phone the further pages are behind More, which closes by itself", async () => {
    await page.context().close();
    page = await open(PHONE);
    await go("/triggers?ns=default");
    const menu = page.locator("#more-pages");
    for (const word of ["Forecast", "Calendars", "Backfills", "Executors", "Dead letters"]) {
      await page.getByRole("button", { name: "More", exact: true }).click();
      await menu.getByRole("link", { name: word }).click();
      await page.getByRole("heading", { level: 1, name: word }).waitFor();
      await expect.poll(() => menu.isVisible()).toBe(false);
    }
  });

  test("who may only look is offered an audit, and nothing that changes anything", async () => {
    const token = "open-sesame-open-sesame";
    const guarded = await startServer({ config: { adminToken: token }, token });
    try {
      await guarded.graphql(`mutation { createJob(input: { name: "j", type: "t" }) { id } }`);
      await guarded.graphql(`mutation { createCalendar(input: { name: "c", rule: { weekly: {} } }) { id } }`);
      await guarded.graphql(
        `mutation { createTrigger(input: { name: "t", job: "j", schedule: { cron: { expression: "0 9 * * *" } } }) { id } }`,
      );
      await guarded.graphql(`mutation { pauseTriggers(scope: { namespace: "default" }) { at } }`);
      const { createToken } = await guarded.graphql<{ createToken: { secret: string } }>(
        `mutation { createToken(input: { name: "looker", role: VIEWER }) { secret } }`,
      );
      await page.goto(`${guarded.url}/triggers/t?ns=default`);
      await page.getByLabel("Token").fill(createToken.secret);
      await button("Sign in").click();
      await button("Audit…").waitFor();
      await shows(/^Paused with all triggers of default/);
      const forbidden = /^(Run now|Edit|Pause|Resume|Delete|Backfill|New|Import|Cancel)\b/;
      expect(await button(forbidden).count()).toBe(0);
      for (const [path, shown] of [
        ["/triggers", "Paused: all triggers of default"],
        ["/calendars", "the schedule's"],
        ["/calendars/c", "Saturdays and Sundays"],
        ["/backfills", "No backfills in this namespace."],
        ["/forecast", "No active triggers in this namespace."],
      ] as const) {
        await page.goto(`${guarded.url}${path}?ns=default`);
        await shows(shown);
        expect(await button(forbidden).allInnerTexts(), path).toEqual([]);
      }
    } finally {
      await guarded.close();
    }
    // Chromium logs refused requests itself.
    complaints = complaints.filter((complaint) => !/40[13]|WebSocket/.test(complaint));
  });
});
