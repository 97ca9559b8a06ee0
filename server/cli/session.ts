/** One call of a command: whom to ask, in which namespace, and how to answer. */
import { Command } from "commander";
import { Client } from "./client.ts";
import { type Output, outputTo } from "./output.ts";

export interface Session {
  client: Client;
  out: Output;
  /** Print JSON. */
  json: boolean;
  /** For lists: unset means all that the token may see. */
  namespaceShown: string | undefined;
  /** For things by their name: the one that was asked for, else the token's own, else `default`. */
  namespace(): Promise<string>;
}

interface GlobalOptions {
  url: string;
  token?: string;
  namespace?: string;
  json?: boolean;
}

/** What a command does, with its own arguments and options as commander gives them to actions. */
type Act<Arguments extends unknown[]> = (session: Session, ...given: Arguments) => Promise<void>;

/** The action of a command that asks a server; closes the connection when it is done. */
export function asking<Arguments extends unknown[]>(act: Act<Arguments>) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.find((value) => value instanceof Command);
    if (command === undefined) throw new Error("commander calls an action with its command");
    const { url, token, json = false, ...options } = command.optsWithGlobals<GlobalOptions>();
    const namespace = options.namespace === "" ? undefined : options.namespace;
    const client = new Client({ url, token });
    let own: Promise<string> | undefined;
    try {
      await act(
        {
          client,
          json,
          out: outputTo(process.stdout),
          namespaceShown: namespace,
          namespace: () =>
            (own ??= namespace === undefined ? namespaceOfToken(client) : Promise.resolve(namespace)),
        },
        ...(given as Arguments),
      );
    } finally {
      await client.close();
    }
  };
}

/** A token of one namespace means that one. */
async function namespaceOfToken(client: Client): Promise<string> {
  if (!client.hasToken) return "default";
  const { viewer } = await client.ask<{ viewer: { namespace: string | null } }>("{ viewer { namespace } }");
  return viewer.namespace ?? "default";
}

/** What every client command has: the options for all, and an example. */
export function documented(command: Command, example: string): Command {
  return command
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", `\nExample:\n${example.replace(/^/gm, "  ")}`);
}
