/**
 * What changed, told to whoever listens in this process and, through LISTEN/NOTIFY, in every other server.
 * Notifications are hints: each listener also re-reads now and then, and `resync` says that some may be missing.
 *
 *   publish ─► listeners here, at once
 *           └► outbox ─► one statement of pg_notify at a time (what comes meanwhile goes into the next) ─► other servers
 *
 * Nothing is sent while no other server is alive, and queues only while one has polls parked: the `server` table says
 * who is there. LISTEN has a connection of its own, and a round trip every few seconds proves that it still hears
 * (RELIABILITY M5).
 */
import { EventEmitter } from "node:events";
import postgres from "postgres";
import { RUN_STATES, type RunState } from "../core/run.ts";
import type { Database } from "./connection.ts";

export type Change =
  | { kind: "run"; id: string; namespaceId: number; jobId: number; state: RunState }
  | { kind: "job"; id: number; namespaceId: number }
  | { kind: "trigger"; id: number; namespaceId: number }
  | { kind: "executor"; id: number; namespaceId: number }
  /** Its settings. */
  | { kind: "namespace"; id: number; namespaceId: number }
  /** New text in a run's log. */
  | { kind: "log"; runId: string; namespaceId: number };

export interface ChannelEvents {
  /** A batch of committed changes, of this server or of another. */
  changes: [Change[]];
  /** Queues in which runs became ready. */
  ready: [number[]];
  /** Something became due earlier than a sleeping loop may know: a trigger or a delayed run. */
  due: [];
  /** A leader has resigned: candidates need not wait for their next try. */
  election: [];
  /** Notifications may have been lost (reconnect, overflow): re-read what you show. */
  resync: [];
}

export interface Channel extends EventEmitter<ChannelEvents> {
  /** Call after the commit. Local listeners hear at once, other servers with the next notification. */
  publish(changes: Change[]): void;
  publishReady(queueIds: number[]): void;
  publishDue(): void;
  /** Call after resigning. Resolves when the other servers have been told. */
  announceElection(): Promise<void>;
  /** How many long polls wait here: other servers notify of ready runs only while some do. */
  setParkedPolls(count: number): void;
  close(): Promise<void>;
}

/** What one notification carries; one letter a member, because its size is limited. */
interface Message {
  /** The sender. */
  s: string;
  c?: PackedChange[];
  q?: number[];
  /** Something is due. */
  d?: 1;
  /** Too much happened: re-read. */
  x?: 1;
  /** The sender no longer leads. */
  l?: 1;
  /** The sender's parked polls. */
  p?: number;
  /** A round trip's number. */
  e?: number;
}
type PackedChange =
  | [kind: "r", id: string, ns: number, job: number, state: number]
  | [kind: "j" | "t" | "e" | "n", id: number, ns: number]
  | [kind: "l", run: string, ns: number];

const NAME = "escapement";
/** PostgreSQL takes 8,000 bytes a notification; this many packed changes stay below it. */
const CHANGES_PER_MESSAGE = 120;
/** More than this at once, and a listener is better off re-reading what it shows. */
const CHANGES_MAX = 6_000;
const BEAT_MS = 1_000;
/** A server that was not seen for so long is gone. */
const PEER_GONE_MS = 5_000;
const ECHO_EVERY_BEATS = 5;

function pack(change: Change): PackedChange {
  switch (change.kind) {
    case "run":
      return ["r", change.id, change.namespaceId, change.jobId, RUN_STATES.indexOf(change.state)];
    case "log":
      return ["l", change.runId, change.namespaceId];
    case "job":
      return ["j", change.id, change.namespaceId];
    case "trigger":
      return ["t", change.id, change.namespaceId];
    case "executor":
      return ["e", change.id, change.namespaceId];
    case "namespace":
      return ["n", change.id, change.namespaceId];
  }
}

function unpack(packed: PackedChange): Change {
  switch (packed[0]) {
    case "r":
      return {
        kind: "run",
        id: packed[1],
        namespaceId: packed[2],
        jobId: packed[3],
        state: RUN_STATES[packed[4]] ?? "READY",
      };
    case "l":
      return { kind: "log", runId: packed[1], namespaceId: packed[2] };
    case "j":
      return { kind: "job", id: packed[1], namespaceId: packed[2] };
    case "t":
      return { kind: "trigger", id: packed[1], namespaceId: packed[2] };
    case "e":
      return { kind: "executor", id: packed[1], namespaceId: packed[2] };
    case "n":
      return { kind: "namespace", id: packed[1], namespaceId: packed[2] };
  }
}

export interface ChannelOptions {
  database: Database;
  /** A direct connection: LISTEN does not work through a pooler in transaction mode. */
  databaseUrl: string;
  serverId: string;
  onError: (error: unknown) => void;
}

/** Announces this server, starts to listen, and resolves once both have happened. */
export async function openChannel(options: ChannelOptions): Promise<Channel> {
  const { database, serverId, onError } = options;
  const sql = database.heartbeatSql;
  const emitter = new EventEmitter<ChannelEvents>().setMaxListeners(0);
  let changes: Change[] = [];
  let queues = new Set<number>();
  let due = false;
  let extra: Omit<Message, "s">[] = [];
  let sending = false;
  let peers = 0;
  let peersParked = 0;
  let parked = 0;
  let closed = false;
  let listener: postgres.Sql | null = null;
  let beats = 0;
  let echoHeard = 0;

  const take = (): string[] => {
    const messages: Omit<Message, "s">[] = extra;
    if (changes.length > CHANGES_MAX) messages.push({ x: 1 });
    else {
      for (let at = 0; at < changes.length; at += CHANGES_PER_MESSAGE) {
        messages.push({ c: changes.slice(at, at + CHANGES_PER_MESSAGE).map(pack) });
      }
    }
    const rest = {
      ...(queues.size > 0 ? { q: [...queues].slice(0, 1_000) } : {}),
      ...(due ? { d: 1 as const } : {}),
    };
    if (Object.keys(rest).length > 0) messages.push(rest);
    extra = [];
    changes = [];
    queues = new Set();
    due = false;
    return messages.map((message) => JSON.stringify({ s: serverId, ...message }));
  };

  const send = async (): Promise<void> => {
    if (sending || closed) return;
    sending = true;
    try {
      for (let messages = take(); messages.length > 0; messages = take()) {
        await sql`select pg_notify(${NAME}, m) from unnest(${messages}::text[]) as m`;
      }
    } catch (error) {
      onError(error);
    } finally {
      sending = false;
    }
  };
  const sendSoon = (): void => void setImmediate(send);

  const receive = (payload: string): void => {
    const message = JSON.parse(payload) as Message;
    if (message.e !== undefined && message.s === serverId) echoHeard = Math.max(echoHeard, message.e);
    if (message.s === serverId) return;
    if (peers === 0) peers = 1;
    if (message.p !== undefined) peersParked += message.p;
    if (message.x) emitter.emit("resync");
    if (message.c) emitter.emit("changes", message.c.map(unpack));
    if (message.q) emitter.emit("ready", message.q);
    if (message.d) emitter.emit("due");
    if (message.l) emitter.emit("election");
  };

  const listen = async (): Promise<void> => {
    const connection = postgres(options.databaseUrl, {
      max: 1,
      onnotice: () => {},
      connection: { application_name: "escapement listen" },
    });
    listener = connection;
    let first = true;
    await connection.listen(NAME, receive, () => {
      if (!first) emitter.emit("resync");
      first = false;
    });
  };

  const beat = async (): Promise<void> => {
    const [row] = await sql<{ peers: number; parked: number }[]>`
      with own as (
        insert into escapement.server (id, started_at, seen_at, parked_polls)
        values (${serverId}, escapement.clock(), escapement.clock(), ${parked})
        on conflict (id) do update set seen_at = excluded.seen_at, parked_polls = excluded.parked_polls
      )
      select count(*)::int as peers, coalesce(sum(parked_polls), 0)::int as parked from escapement.server
      where id <> ${serverId} and seen_at > escapement.clock() - ${PEER_GONE_MS} * interval '1 millisecond'`;
    peers = row?.peers ?? 0;
    peersParked = row?.parked ?? 0;
    beats += 1;
    if (beats % ECHO_EVERY_BEATS !== 0) return;
    const round = beats / ECHO_EVERY_BEATS;
    // The echo of the round before last has had its time; without it the connection only seems alive.
    if (round > 2 && echoHeard < round - 2) {
      const deaf = listener;
      echoHeard = round;
      await listen();
      emitter.emit("resync");
      await deaf?.end({ timeout: 1 }).catch(onError);
    }
    extra.push({ e: round });
    sendSoon();
  };

  await listen();
  await beat();
  await sql`select pg_notify(${NAME}, ${JSON.stringify({ s: serverId } satisfies Message)})`;
  let beating: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    beating = beat().catch(onError);
  }, BEAT_MS);

  return Object.assign(emitter, {
    publish(batch: Change[]) {
      if (batch.length === 0) return;
      emitter.emit("changes", batch);
      if (peers === 0) return;
      changes.push(...batch);
      sendSoon();
    },
    publishReady(queueIds: number[]) {
      emitter.emit("ready", queueIds);
      if (peersParked === 0) return;
      for (const queueId of queueIds) queues.add(queueId);
      sendSoon();
    },
    publishDue() {
      emitter.emit("due");
      if (peers === 0) return;
      due = true;
      sendSoon();
    },
    async announceElection() {
      await sql`select pg_notify(${NAME}, ${JSON.stringify({ s: serverId, l: 1 } satisfies Message)})`;
    },
    setParkedPolls(count: number) {
      if (parked === 0 && count > 0 && peers > 0) {
        extra.push({ p: count });
        sendSoon();
      }
      parked = count;
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await beating;
      await sql`delete from escapement.server where id = ${serverId}`.catch(onError);
      await listener?.end({ timeout: 2 }).catch(onError);
      emitter.removeAllListeners();
    },
  });
}
