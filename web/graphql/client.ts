/** The urql client: queries and mutations over HTTP, subscriptions over one WebSocket, both at /graphql of this origin. */
import {
  type Client,
  type CombinedError,
  cacheExchange,
  createClient,
  fetchExchange,
  mapExchange,
  subscriptionExchange,
} from "urql";
import { openSocket } from "./connection.ts";
import { authorization, tokenRefused } from "./session.ts";

const codeOf = (error: CombinedError): unknown => error.graphQLErrors[0]?.extensions.code;

/** What went wrong in the server's own words, or that it could not be reached. */
export function messageOf(error: CombinedError): string {
  if (error.graphQLErrors.length > 0) return error.graphQLErrors.map((each) => each.message).join(" ");
  return "The server cannot be reached. Is it running?";
}

/** The argument at fault, such as `input.name`, where the server named one. */
export function fieldOf(error: CombinedError): string | undefined {
  const field = error.graphQLErrors[0]?.extensions.field;
  return typeof field === "string" ? field : undefined;
}

/** Whether somebody else changed the thing since it was read. */
export const isConflict = (error: CombinedError | undefined): boolean =>
  error !== undefined && codeOf(error) === "CONFLICT" && fieldOf(error) === "version";

/** A fresh client and cache; one per sign-in. */
export function openClient(): Client {
  const socketUrl = new URL("/graphql", window.location.href);
  socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
  const socket = openSocket(socketUrl.href);
  return createClient({
    url: "/graphql",
    preferGetMethod: false,
    requestPolicy: "cache-and-network",
    fetchOptions: () => ({ headers: authorization() }),
    exchanges: [
      mapExchange({
        onError: (error) => {
          if (codeOf(error) === "UNAUTHENTICATED" || error.response?.status === 401) tokenRefused();
        },
      }),
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query: query ?? "", variables: variables ?? {} }, sink),
          }),
        }),
      }),
    ],
  });
}
