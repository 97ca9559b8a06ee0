/** Definitions in files: applied, left alone, refused with their line, and written back. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { call, folderOf, start } from "./program.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const apply = (text: string, ...more: string[]) =>
  call(server.url, ["apply", "-f", "-", ...more], { input: text });

/** What became of each, as `action title`. */
const actions = (results: { action: string; kind: string; name: string }[]) =>
  results.map(({ action, kind, name }) => `${action} ${kind} ${name}`);

const FILE = `# Whoever is named comes first, wherever it stands.
kind: trigger
name: at-night
job: report
calendars: [weekends]
misfire: { policy: fire-all, limit: 3 }
schedule:
  cron: { expression: "30 7 * * *", timeZone: Europe/Berlin }
---
kind: Job
name: report
type: report
tags: [nightly]
input: { text: hi, list: [1, 2] }
retry: { fixed: { delay: PT1M, max: 5 } }
overlap: serial_wait
---
kind: CALENDAR
name: weekends
rule: { weekly: {} }
`;

test("a first apply creates, in the order in which things name each other; a second one changes nothing", async () => {
  const first = await apply(FILE, "--json");
  expect(first.stderr).toBe("");
  expect(actions(first.json())).toEqual([
    "created calendar weekends",
    "created job report",
    "created trigger at-night",
  ]);
  const { job, trigger } = await server.graphql<Record<string, Record<string, unknown>>>(
    `{ job(name: "report") { type overlap input tags retry { __typename } }
       trigger(name: "at-night") { misfire { policy limit } calendars { name } schedule { ... on CronSchedule { timeZone } } } }`,
  );
  expect(job).toEqual({
    type: "report",
    overlap: "SERIAL_WAIT",
    input: { text: "hi", list: [1, 2] },
    tags: ["nightly"],
    retry: { __typename: "FixedRetry" },
  });
  expect(trigger).toEqual({
    misfire: { policy: "FIRE_ALL", limit: 3 },
    calendars: [{ name: "weekends" }],
    schedule: { timeZone: "Europe/Berlin" },
  });

  const second = await apply(FILE, "--json");
  expect(second.code).toBe(0);
  expect(actions(second.json())).toEqual([
    "unchanged calendar weekends",
    "unchanged job report",
    "unchanged trigger at-night",
  ]);
});

test("an update says which fields have changed, and a field that is no longer named goes back to its default", async () => {
  await apply(
    "{kind: job, name: changing, type: one, priority: 7, timeout: PT90S, maxParallel: 2, tags: [a]}",
  );
  const answer = await apply("{kind: job, name: changing, type: two, timeout: PT1M30S}");
  expect(answer.stdout).toContain(
    'updated  job changing: maxParallel 2 → unset, priority 7 → 5, tags ["a"] → [], type one → two',
  );
  const { job } = await server.graphql<Record<string, unknown>>(
    `{ job(name: "changing") { type priority maxParallel tags version } }`,
  );
  expect(job).toEqual({ type: "two", priority: 5, maxParallel: null, tags: [], version: 2 });
});

test("a dry run says the same and changes nothing, also of what needs what is not there yet", async () => {
  const text = FILE.replaceAll("report", "dry")
    .replaceAll("at-night", "dry-night")
    .replaceAll("weekends", "dry-days");
  const answer = await apply(text, "--dry-run");
  expect(answer.code).toBe(0);
  expect(answer.stdout.split("\n").slice(0, 3)).toEqual([
    "would create  calendar dry-days",
    "would create  job dry",
    "would create  trigger dry-night",
  ]);
  const nothing = await server.graphql(`{ job(name: "dry") { name } calendar(name: "dry-days") { name } }`);
  expect(nothing).toEqual({ job: null, calendar: null });

  const wrong = await apply(text.replace("30 7 * * *", "30 27 * * *"), "--dry-run");
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toMatch(/standard input:8:23, document 1: schedule\.cron\.expression: .*27/);
});

test("what the server fills in by itself is no change: a fixed rate's start, all the days of a week", async () => {
  const text = `
kind: Job
name: ticking
type: tick
---
kind: Trigger
name: every-hour
job: ticking
paused: true
schedule: { fixedRate: { every: PT60M } }
---
kind: Trigger
name: by-day
job: ticking
paused: true
schedule: { dailyTimeInterval: { every: PT72M, from: "08:00", until: "11:00" } }
---
kind: Trigger
name: monthly
job: ticking
paused: true
schedule: { calendarInterval: { every: P1D } }
`;
  expect((await apply(text)).stdout).toContain("4 created");
  expect((await apply(text)).stdout).toContain("4 unchanged");
  const changed = await apply(text.replace("every: P1D", "every: P2D"));
  expect(changed.stdout).toContain("3 unchanged, 1 updated");
  expect(changed.stdout).toMatch(/updated +trigger monthly: schedule/);
});

test("a trigger is paused and resumed as its document says, and else left as it is", async () => {
  await apply("{kind: job, name: quiet, type: quiet}");
  const text = "{kind: trigger, name: quiet, job: quiet, schedule: {fixedRate: {every: PT1H}}";
  const stateOf = async () => {
    const { trigger } = await server.graphql<{ trigger: { state: string } }>(
      `{ trigger(name: "quiet") { state } }`,
    );
    return trigger.state;
  };
  await apply(`${text}, paused: true}`);
  expect(await stateOf()).toBe("PAUSED");
  expect((await apply(`${text}}`)).stdout).toContain("unchanged  trigger quiet");
  expect(await stateOf()).toBe("PAUSED");
  expect((await apply(`${text}, paused: false}`)).stdout).toContain(
    "updated  trigger quiet: paused true → false",
  );
  expect(await stateOf()).toBe("NORMAL");
});

test("faults are told with file, document, line and field, all at once, and do not hold up the others", async () => {
  const folder = folderOf({
    "a.yaml": `kind: Job
name: good
type: good
---
kind: Job
name: bad
type: bad
retry:
  fixed:
    dealy: PT1M
    max: many
timeout: 5m
overlap: serial-weit
`,
    "b.json": `{
  "kind": "Trigger",
  "name": "no-job",
  "job": "nowhere",
  "schedule": {"fixedRate": {"every": "PT1H"}}
}`,
    "c.yml": "kind: Jop\nname: x\n---\nkind: Job\nname: [1\n",
    "d.txt": "not read",
  });
  const answer = await call(server.url, ["apply", "-f", folder.path]);
  folder.remove();
  expect(answer.code).toBe(1);
  expect(answer.stderr).toContain("4 of 5 could not be applied");
  const lines = answer.stdout.split("\n").map((line) => line.replace(`${folder.path}/`, "").trim());
  expect(lines).toContain("created  job good");
  expect(lines).toContain(
    "a.yaml:10:5, document 2: retry.fixed.dealy: is no field of FixedRetryInput; did you mean delay?",
  );
  expect(lines).toContain(
    'a.yaml:11:10, document 2: retry.fixed.max: must be a whole number, not the text "many"',
  );
  expect(lines.find((line) => line.startsWith("a.yaml:12:10"))).toMatch(
    /timeout: "5m" is not .* did you mean PT5M\?/,
  );
  expect(lines.find((line) => line.startsWith("a.yaml:13:10"))).toMatch(
    /overlap: must be one of PARALLEL, .* and not "serial-weit"; did you mean SERIAL_WAIT\?/,
  );
  expect(lines).toContain('b.json:4:10, document 1: job: there is no job "nowhere"');
  expect(lines.find((line) => line.startsWith("c.yml:1:7"))).toMatch(
    /kind: .* not "Jop"; did you mean job\?/,
  );
  expect(lines.some((line) => line.startsWith("c.yml:5:") || line.startsWith("c.yml:6:"))).toBe(true);
});

test("numbers that would be rounded and names that stand twice are refused", async () => {
  const answer = await apply(
    "kind: job\nname: large\ntype: a\ninput: {id: 12345678901234567890}\n---\n{kind: job, name: twice, type: a}\n---\n{kind: job, name: twice, type: b}",
  );
  expect(answer.code).toBe(1);
  expect(answer.stdout).toContain(
    "standard input:4:13, document 1: this number is larger than what is exact",
  );
  expect(answer.stdout).toContain(
    "standard input:8:19, document 3: name: there is another job of this name at standard input:6",
  );
  expect(answer.stdout).toContain("created  job twice");
});

test("--namespace is for documents that name none", async () => {
  await server.graphql(`mutation { createNamespace(input: { name: "shop" }) { id } }`);
  const answer = await apply(
    "{kind: job, name: a, type: a}\n---\n{kind: job, name: a, type: a, namespace: default}",
    "--namespace",
    "shop",
    "--json",
  );
  expect(answer.json()).toMatchObject([
    { action: "created", namespace: "shop" },
    { action: "created", namespace: "default" },
  ]);
});

test("what is exported is applied unchanged, here and in an empty namespace", async () => {
  await server.graphql(`mutation {
    a: createNamespace(input: { name: "from" }) { id }
    b: createNamespace(input: { name: "to" }) { id }
  }`);
  const text = `
kind: Calendar
name: all-kinds
base: days
timeZone: Europe/Berlin
rule: { holidays: { dates: [{ date: "2030-12-24", label: "Heiligabend: ganz" }, { date: "2030-12-31" }] } }
---
{kind: calendar, name: days, rule: {monthly: {days: [1, -1]}}}
---
{kind: calendar, name: every-year, rule: {annual: {days: ["12-25"]}}}
---
{kind: calendar, name: lunch, rule: {daily: {from: "12:00", until: "13:00", invert: true}}}
---
{kind: calendar, name: by-cron, rule: {cron: {expression: "* * 13 * *"}}}
---
{kind: calendar, name: works, rule: {periods: {periods: [{from: "2030-01-01T00:00:00+01:00", until: "2030-01-02T00:00:00Z"}]}}}
---
kind: Job
name: full
description: |
  Two lines,
  and "quotes": yes
type: full
group: gpu
tags: [one, zwei]
input: { nested: { a: [1, null, "x"] }, on: true }
priority: 9
retry: { backoff: { max: 7, jitter: 0 } }
timeout: P1DT1H
startDeadline: PT1H
deadLetter: false
execution: map
maxParallel: 4
maxParallelPerKey: { key: input.customer, max: 2 }
rate: { max: 10, every: PT1M }
retention: { age: P7D, count: 100 }
late: skip
requires: { gpu: a100 }
---
{kind: job, name: lone, type: lone, unique: {singleton: {}}, retry: {off: true}}
---
{kind: job, name: debounced, type: lone, unique: {debounce: {delay: PT30S, maxWait: PT5M, key: input.a}}}
---
{kind: trigger, name: once, job: lone, schedule: {once: {at: "2099-01-01T00:00:00+02:00"}}}
---
{kind: trigger, name: quartz, job: lone, calendars: [days, works], schedule: {cron: {expression: "0 15 10 ? * 6L", dialect: quartz, gap: skip}}, onExcluded: next_day}
---
{kind: trigger, name: rate, job: lone, input: {a: 1}, priority: 3, jitter: PT10S, schedule: {fixedRate: {every: PT1H, repeat: 5}}, paused: true}
---
{kind: trigger, name: delay, job: lone, group: slow, schedule: {fixedDelay: {every: PT1H}}, startAt: "2030-01-01T00:00:00Z", endAt: "2031-01-01T00:00:00Z"}
---
{kind: trigger, name: month, job: lone, schedule: {calendarInterval: {every: P1M, missingDay: skip}}, misfire: {policy: skip, window: PT2H}}
---
{kind: trigger, name: weekdays, job: lone, schedule: {dailyTimeInterval: {every: PT1H, weekdays: [friday, monday]}}}
`;
  const created = await apply(text, "--namespace", "from");
  expect(created.stdout).toContain("15 created");
  const exported = await call(server.url, ["export", "--namespace", "from"]);
  expect(exported.code).toBe(0);
  expect(exported.stdout).toContain('label: "Heiligabend: ganz"');

  const again = await apply(exported.stdout, "--json");
  expect(new Set(actions(again.json()).map((line) => line.split(" ")[0]))).toEqual(new Set(["unchanged"]));
  const elsewhere = await apply(exported.stdout.replaceAll("namespace: from", "namespace: to"));
  expect(elsewhere.stdout).toContain("15 created");
  const copied = await call(server.url, ["export", "--namespace", "to"]);
  expect(copied.stdout.replaceAll("namespace: to", "namespace: from")).toBe(exported.stdout);

  const one = await call(server.url, ["export", "job", "lone", "--namespace", "from"]);
  expect(one.stdout).toBe(
    "kind: Job\nname: lone\nnamespace: from\ntype: lone\nretry:\n  off: true\nunique:\n  singleton: {}\n",
  );
  const none = await call(server.url, ["export", "job", "nobody"]);
  expect([none.code, none.stderr]).toEqual([1, '✘ There is no job "nobody" in namespace "default".\n']);
});

test("an export that would round a number is refused, and one that is cut off by its reader is none", async () => {
  await server.graphql(
    `mutation { createJob(input: { name: "exact", type: "a", input: {id: 12345678901234567890, text: "12345678901234567890"} }) { id } }`,
  );
  const refused = await call(server.url, ["export", "job", "exact"]);
  expect(refused).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("the number 123456789012345"),
  });

  const started = start(server.url, ["export", "calendar", "--json"]);
  started.closeOutput();
  expect((await started.ended).code).toBe(0);
});

test("--prune deletes what no document names, and nothing when a document cannot be read", async () => {
  await server.graphql(`mutation { createNamespace(input: { name: "tidy" }) { id } }`);
  const kept = "{kind: job, name: kept, type: a}";
  await apply(
    `${kept}\n---\n{kind: job, name: gone, type: a}\n---\n{kind: calendar, name: gone, rule: {weekly: {}}}\n---\n{kind: trigger, name: gone, job: gone, calendars: [gone], schedule: {fixedRate: {every: PT1H}}}`,
    "--namespace",
    "tidy",
  );
  const broken = await apply(`${kept}\n---\n{kind: job}`, "--namespace", "tidy", "--prune");
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain("Nothing was deleted");
  const dry = await apply(kept, "--namespace", "tidy", "--prune", "--dry-run");
  expect(dry.stdout).toContain("1 unchanged, 3 would delete");
  const pruned = await apply(kept, "--namespace", "tidy", "--prune", "--json");
  expect(actions(pruned.json())).toEqual([
    "unchanged job kept",
    "deleted trigger gone",
    "deleted job gone",
    "deleted calendar gone",
  ]);
  const { jobs } = await server.graphql<{ jobs: { nodes: { name: string }[] } }>(
    `{ jobs(namespace: "tidy") { nodes { name } } }`,
  );
  expect(jobs.nodes).toEqual([{ name: "kept" }]);
});

const FLOW = `kind: workflow
name: etl
workflow:
  failureStrategy: end
  params: { day: "$[yyyyMMdd-1]" }
  nodes:
    - key: extract
      type: shell
      input: { script: echo hi }
    - key: choose
      after: [extract]
      type: switch
      input:
        cases: [{ when: params.day > "2", to: [load] }]
        default: [tell]
    - key: load
      after: [choose]
      type: workflow
      job: loading
    - key: tell
      after: [choose]
      type: http
      retry: { fixed: { delay: PT1M, max: 2 } }
      onFailure: ignore
`;

test("a workflow is applied, exported as it was, and left alone by a second apply", async () => {
  const dry = await apply(FLOW, "--dry-run", "--json");
  expect(actions(dry.json())).toEqual(["created job etl"]);
  expect((await server.graphql<{ job: unknown }>(`{ job(name: "etl") { id } }`)).job).toBeNull();
  expect(actions((await apply(FLOW, "--json")).json())).toEqual(["created job etl"]);
  expect(actions((await apply(FLOW, "--json")).json())).toEqual(["unchanged job etl"]);
  const exported = await call(server.url, ["export", "job", "etl"]);
  expect(exported.stdout).toContain("failureStrategy: END");
  expect(actions((await apply(exported.stdout, "--json")).json())).toEqual(["unchanged job etl"]);
  const changed = FLOW.replace("echo hi", "echo ho");
  expect(actions((await apply(changed, "--json")).json())).toEqual(["updated job etl"]);
});

test("each fault of a workflow is told at its own line, also in a dry run", async () => {
  const named = FLOW.replace("name: etl", "name: wrong");
  const lone = await apply(named.replace("after: [extract]", "after: [nowhere]"), "--dry-run");
  expect([lone.code, lone.stdout]).toEqual([
    1,
    expect.stringContaining(
      'standard input:11:15, document 1: workflow.nodes[1].after[0]: there is no node "nowhere"',
    ),
  ]);
  const two = named
    .replace("      job: loading\n", "")
    .replace("type: http", "type: http\n      priority: 12");
  const { stdout } = await apply(two, "--dry-run");
  expect(stdout).toContain("standard input:16:7, document 1: workflow.nodes[2].job: ");
  expect(stdout).toContain("standard input:22:17, document 1: workflow.nodes[3].priority: ");
});
