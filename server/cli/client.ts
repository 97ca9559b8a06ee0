/** The server as commands ask it: GraphQL over HTTP, one request a question, and subscriptions as server-sent events. */
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { Agent, request } from "undici";
import { Away, Failure, type RefusalDetails, Refused } from "./failure.ts";
import { roundedNumber } from "./rounded.ts";

/** How long a question may go unanswered: applying a calendar that a thousand triggers go by takes some seconds. */
const ANSWER_MS = 60_000;
/** The server sends a sign of life every 12 s on a subscription on which nothing happens. */
const SILENCE_MS = 40_000;

export interface ClientOptions {
  /** Such as http://127.0.0.1:4400; a path in front of /graphql is kept. */
  url: string;
  token: string | undefined;
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; extensions?: RefusalDetails }[];
}

export type Variables = Record<string, unknown>;

/** Asks one server. Every method throws {@link Refused}, {@link Away} or another {@link Failure}. */
export class Client {
  readonly url: string;
  readonly #endpoint: string;
  readonly #token: string | undefined;
  readonly #agent = new Agent({ connect: { timeout: 10_000 }, bodyTimeout: ANSWER_MS });

  constructor({ url, token }: ClientOptions) {
    const parsed = URL.canParse(url) ? new URL(url) : null;
    if (parsed === null || !/^https?:$/.test(parsed.protocol))
      throw new Failure(`"${url}" is no address of a server; write one such as http://127.0.0.1:4400.`, 2);
    this.url = url;
    this.#endpoint = `${parsed.origin}${parsed.pathname.replace(/\/$/, "")}/graphql`;
    this.#token = token === "" ? undefined : token;
  }

  /** Whether a token goes along. */
  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** The data of the answer. `exactly`: throws when a number in it would be another one here. */
  async ask<Data>(query: string, variables: Variables = {}, { exactly = false } = {}): Promise<Data> {
    const body = await this.#post(query, variables, "application/json");
    try {
      const text = await body.text();
      const rounded = exactly ? roundedNumber(text) : null;
      if (rounded !== null)
        throw new Failure(
          `The answer has the number ${rounded}, which is larger than what can be written exactly.`,
        );
      return this.#dataOf(JSON.parse(text) as Answer<Data>);
    } catch (error) {
      throw this.#asFailure(error);
    }
  }

  /**
   * What a subscription sends until it is over, which it is also when the server goes. The first `next` resolves with
   * null once the subscription is in force: what is read after that misses nothing. Aborting the signal ends it.
   */
  async *subscribe<Data>(
    query: string,
    variables: Variables,
    signal: AbortSignal,
  ): AsyncGenerator<Data | null, void> {
    const body = await this.#post(query, variables, "text/event-stream", signal);
    yield null;
    const events: EventSourceMessage[] = [];
    const parser = createParser({ onEvent: (event) => events.push(event) });
    const decoder = new TextDecoder();
    try {
      for await (const bytes of body) {
        parser.feed(decoder.decode(bytes, { stream: true }));
        for (const { event, data } of events.splice(0)) {
          if (event === "complete") return;
          yield this.#dataOf(JSON.parse(data) as Answer<Data>);
        }
      }
    } catch (error) {
      throw this.#asFailure(error);
    } finally {
      body.destroy();
    }
  }

  /** Cuts every connection, so that the process can end. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #post(query: string, variables: Variables, accept: string, signal: AbortSignal | null = null) {
    try {
      const { statusCode, headers, body } = await request(this.#endpoint, {
        method: "POST",
        dispatcher: this.#agent,
        headers: {
          "content-type": "application/json",
          accept,
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        },
        body: JSON.stringify({ query, variables }),
        signal,
        headersTimeout: ANSWER_MS,
        bodyTimeout: accept === "text/event-stream" ? SILENCE_MS : ANSWER_MS,
      });
      const type = String(headers["content-type"] ?? "");
      if (type.startsWith(accept)) return body;
      const text = await body.text();
      if (!/\bjson\b/.test(type)) throw this.#stranger(statusCode);
      this.#dataOf(JSON.parse(text) as Answer<unknown>);
      throw this.#stranger(statusCode);
    } catch (error) {
      throw this.#asFailure(error);
    }
  }

  #dataOf<Data>({ data, errors }: Answer<Data>): Data {
    const [error, ...others] = errors ?? [];
    if (error) {
      const message = [error, ...others].map((each) => each.message).join("; ");
      throw new Refused(message, error.extensions ?? {}, this.hasToken);
    }
    if (data == null) throw this.#stranger(200);
    return data;
  }

  #stranger(status: number): Failure {
    return new Failure(
      `What listens at ${this.url} is no Escapement server: it answered with status ${status} and no GraphQL. Name the server with --url or ESCAPEMENT_URL.`,
      2,
    );
  }

  #asFailure(error: unknown): Failure {
    if (error instanceof Failure) return error;
    return error instanceof SyntaxError ? this.#stranger(200) : new Away(this.url, error);
  }
}
