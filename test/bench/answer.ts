/**
 * A load generator's end of the conversation with the bench: named operations in, results out, over the IPC channel.
 * Also read by Node's own type stripping in the peers' processes, so it imports nothing of ours.
 */

type Operation = (args: never) => unknown;

interface Call {
  id: number;
  name: string;
  args: unknown;
}

/** Answers calls until the bench goes away, however it goes. */
export function answer(operations: Record<string, Operation>): void {
  const reply = (message: object): void => void process.send?.(message);
  process.on("message", async ({ id, name, args }: Call) => {
    try {
      const operation = operations[name];
      if (operation === undefined) throw new Error(`there is no operation "${name}"`);
      reply({ id, result: await operation(args as never) });
    } catch (error) {
      reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
  // A Ctrl-C reaches the whole group of processes; the bench decides what it means.
  process.on("SIGINT", () => {});
}
