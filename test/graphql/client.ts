/** A client of GraphQL as the tests need it: answers with their errors, and subscriptions as queues. */
import { createClient } from "graphql-ws";
import WebSocket from "ws";

export interface Problem {
  message: string;
  path?: (string | number)[];
  extensions: { code?: string; field?: string; id?: string };
}

/** What JSON holds is for each test to say. */
export type Data = Record<string, ReturnType<typeof JSON.parse>>;

export interface Answer {
  status: number;
  data: Data | null | undefined;
  errors: Problem[] | undefined;
}

/** Where to ask, and as whom. */
export interface Target {
  url: string;
  token?: string | undefined;
}

export async function ask(
  { url, token }: Target,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const answer = (await response.json()) as Omit<Answer, "status">;
  return { status: response.status, data: answer.data, errors: answer.errors };
}

/** The data; throws when there are errors. */
export async function get(
  target: Target,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Data> {
  const { data, errors } = await ask(target, query, variables);
  if (errors || !data) throw new Error(`${query}\n${JSON.stringify(errors)}`);
  return data;
}

/** The one error; throws when there is none or more than one. */
export async function refused(
  target: Target,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Problem> {
  const { errors, data } = await ask(target, query, variables);
  const [error] = errors ?? [];
  if (!error || errors?.length !== 1) throw new Error(`not one error: ${JSON.stringify({ errors, data })}`);
  return error;
}

/** What a subscription sent, in order. */
export interface Listener {
  /** The data of the next event; throws when it has errors or the subscription has ended. */
  next(): Promise<Data>;
  /** The next event as it came; null once the subscription has ended. */
  event(): Promise<{ data?: Data | null; errors?: readonly Problem[] } | null>;
  stop(): Promise<void>;
}

/**
 * Over a WebSocket. The protocol does not say when a subscription is in force, so this asks something after it on the
 * same socket: the answer has been to the database and back, which the subscription has not.
 */
export async function listen(
  { url, token }: Target,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Listener> {
  const client = createClient({
    url: `${url.replace("http", "ws")}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(token === undefined ? {} : { connectionParams: { authorization: `Bearer ${token}` } }),
  });
  const events = client.iterate<Data>({ query, variables });
  const listener = listenerOf(events as AsyncIterator<never>, async () => {
    await events.return?.();
    await client.dispose();
  });
  await client.iterate({ query: "{ namespaces { name } }" }).next();
  return listener;
}

/** Over server-sent events. The answer begins when the subscription is in force. */
export async function listenSse(
  { url, token }: Target,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Listener> {
  const aborting = new AbortController();
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
    signal: aborting.signal,
  });
  if (!response.body) throw new Error("no body");
  return listenerOf(sseEvents(response.body), async () => aborting.abort());
}

async function* sseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<never> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const [event = "", data = ""] = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      if (event === "event: complete") return;
      if (event === "event: next") yield JSON.parse(data.slice("data: ".length)) as never;
    }
  }
}

function listenerOf(events: AsyncIterator<never>, stop: () => Promise<void>): Listener {
  // Events are taken as they come, so that none waits for the test to ask.
  const queue: Promise<IteratorResult<never>>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const pull = (): void => {
    const result = events.next();
    result.catch(() => {});
    queue.push(result);
    last = result.then(({ done }) => (done ? undefined : pull())).catch(() => {});
  };
  pull();
  const event: Listener["event"] = async () => {
    const result = await (queue[0] as Promise<IteratorResult<never>>);
    if (!result.done) queue.shift();
    return result.done ? null : result.value;
  };
  return {
    event,
    async next() {
      const received = await event();
      if (!received?.data || received.errors) throw new Error(`no data: ${JSON.stringify(received)}`);
      return received.data;
    },
    async stop() {
      await stop();
      await last;
    },
  };
}

/** The next event that satisfies `wanted`; those before it are dropped. */
export async function until(listener: Listener, wanted: (data: Data) => boolean): Promise<Data> {
  for (;;) {
    const data = await listener.next();
    if (wanted(data)) return data;
  }
}
