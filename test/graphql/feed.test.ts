/** Feeds: who hears what, what a slow reader loses, and how a feed ends. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../server/config.ts";
import { ANYBODY } from "../../server/core/principal.ts";
import { createFeeds, type Feed, type Feeds, topicOf, topicOfRun } from "../../server/graphql/feed.ts";
import type { Change, Channel } from "../../server/store/channel.ts";
import { connect } from "../../server/store/connection.ts";
import { createTokens } from "../../server/store/tokens.ts";
import { openTestEngine } from "../support/engine.ts";

let channel: Channel;
let feeds: Feeds;
let close: () => Promise<void>;

beforeAll(async () => {
  const engine = await openTestEngine();
  const database = connect(engine.url, { poolSize: 1, deadlineMs: 5_000 });
  channel = engine.context.channel;
  feeds = createFeeds(channel, createTokens(database, { adminToken: undefined }));
  close = async () => {
    feeds.close();
    await database.close();
    await engine.close();
  };
});
afterAll(() => close());

const caller = { principal: ANYBODY, authorization: undefined };
const run = (id: string, namespaceId = 1): Change => ({
  kind: "run",
  id,
  namespaceId,
  jobId: 1,
  state: "READY",
});
const idsOf = async (feed: Feed) =>
  (await feed.next())?.changes.map((change) => ("id" in change ? change.id : null));

test("a feed gives the changes of its topics, in order, and no others", async () => {
  const all = feeds.open(caller, [topicOf("run", null)]);
  const own = feeds.open(caller, [topicOf("run", 2), topicOf("job", 2)]);
  const one = feeds.open(caller, [topicOfRun("run", "12")]);
  channel.publish([
    run("11"),
    run("12", 2),
    { kind: "job", id: 7, namespaceId: 2 },
    { kind: "log", runId: "12", namespaceId: 2 },
    run("12", 2),
  ]);
  expect(await idsOf(all)).toEqual(["11", "12", "12"]);
  expect(await idsOf(own)).toEqual(["12", 7, "12"]);
  expect(await idsOf(one)).toEqual(["12", "12"]);
});

test("a reader too slow for its changes loses the oldest", async () => {
  const feed = feeds.open(caller, [topicOf("run", null)]);
  const sent = Array.from({ length: LIMITS.subscriberBacklog + 500 }, (_, n) => String(n + 1));
  for (let at = 0; at < sent.length; at += 300)
    channel.publish(sent.slice(at, at + 300).map((id) => run(id)));
  expect(await idsOf(feed)).toEqual(sent.slice(-LIMITS.subscriberBacklog));
});

test("a feed that nothing happens to gives an empty batch after the wait", async () => {
  const feed = feeds.open(caller, [topicOf("run", 99)]);
  expect(await feed.next(20)).toEqual({ changes: [], resync: false });
});

test("a feed that is closed ends for whoever waits, and for whoever asks later", async () => {
  const feed = feeds.open(caller, [topicOf("run", null)]);
  const waiting = feed.next();
  feed.close();
  expect(await waiting).toBeNull();
  channel.publish([run("13")]);
  expect(await feed.next()).toBeNull();
});

test("however often notifications are lost, a reader is told at most once a second", async () => {
  const feed = feeds.open(caller, [topicOf("run", 99)]);
  for (let n = 0; n < 50; n++) channel.emit("resync");
  expect(await feed.next()).toEqual({ changes: [], resync: true });
  channel.emit("resync");
  expect(await feed.next(200)).toEqual({ changes: [], resync: false });
  expect(await feed.next()).toEqual({ changes: [], resync: true });
});
