/**
 * HTTP/1.1 over one kept-alive socket, one request at a time: about 10 µs a request, where `fetch` takes 130 and would
 * be what is measured (PERFORMANCE 4.1).
 */
import { connect, type Socket } from "node:net";

const HEAD_END = Buffer.from("\r\n\r\n");

interface Waiting {
  resolve: (body: string) => void;
  reject: (error: Error) => void;
}

export class HttpConnection {
  readonly #url: URL;
  readonly #headers: string;
  #socket: Socket | null = null;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | null = null;

  constructor(url: string, token: string) {
    this.#url = new URL(url);
    this.#headers = `Host: ${this.#url.host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  }

  /** Sends a JSON text and answers with the body. Rejects when the status is not 2xx or the connection breaks. */
  post(path: string, body: string): Promise<string> {
    return this.#send(
      `POST ${path} HTTP/1.1\r\n${this.#headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  /** As `post`. */
  get(path: string): Promise<string> {
    return this.#send(`GET ${path} HTTP/1.1\r\n${this.#headers}\r\n`);
  }

  #send(request: string): Promise<string> {
    const socket = this.#socket ?? this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      socket.write(request);
    });
  }

  /** Resolves when the connection stands, for those who count connections and not requests. */
  async connected(): Promise<void> {
    const socket = this.#socket ?? this.#open();
    if (!socket.connecting) return;
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
  }

  close(): void {
    this.#waiting = null;
    this.#socket?.destroy();
  }

  #open(): Socket {
    const socket = connect({ host: this.#url.hostname, port: Number(this.#url.port), noDelay: true });
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    const broken = (error: Error): void => {
      if (this.#socket === socket) this.#socket = null;
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.reject(error);
    };
    socket.on("data", (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#read();
    });
    socket.on("error", broken);
    socket.on("close", () => broken(new Error("the server closed the connection")));
    return socket;
  }

  #read(): void {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString("latin1", 0, headEnd);
    const bodyAt = headEnd + HEAD_END.length;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const body =
      length === undefined
        ? dechunked(this.#received, bodyAt)
        : this.#received.length >= bodyAt + Number(length)
          ? this.#received.toString("utf8", bodyAt, bodyAt + Number(length))
          : null;
    if (body === null) return;
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = null;
    const status = Number(head.slice(9, 12));
    if (status >= 200 && status < 300) waiting?.resolve(body);
    else waiting?.reject(new Error(`status ${status}: ${body.slice(0, 1_000)}`));
  }
}

/** A chunked body; null while its end has not come. */
function dechunked(received: Buffer, from: number): string | null {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const lineEnd = received.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(received.toString("latin1", at, lineEnd), 16);
    const dataAt = lineEnd + 2;
    if (received.length < dataAt + size + 2) return null;
    if (size === 0) return Buffer.concat(parts).toString("utf8");
    parts.push(received.subarray(dataAt, dataAt + size));
    at = dataAt + size + 2;
  }
}
