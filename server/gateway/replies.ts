/** Small things around an answer: its connection, and text that is JSON already. */
import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import type { Listener } from "./poll.ts";

/** Watches whether somebody still listens to this answer. One listener per request, however often it is asked. */
export function listenerOf(response: ServerResponse): Listener {
  let gone = response.destroyed;
  let callback: (() => void) | null = null;
  response.once("close", () => {
    // "close" also follows an answer that went out whole.
    if (response.writableFinished) return;
    gone = true;
    callback?.();
  });
  return {
    get gone() {
      return gone;
    },
    onGone(next) {
      callback = next;
    },
  };
}

export function sendJsonText(reply: FastifyReply, text: string): FastifyReply {
  return reply.type("application/json; charset=utf-8").send(text);
}
