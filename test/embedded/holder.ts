/** A process that owns an embedded database, for tests that kill such processes. Speaks over Node's IPC. */
import { startPostgres } from "../../server/embedded/postgres.ts";

export type HolderMessage =
  | { readonly type: "ready"; readonly url: string; readonly pid: number }
  | { readonly type: "failed"; readonly message: string };

const tell = (message: HolderMessage) => process.send?.(message);
const [dataDir = "", temporary] = process.argv.slice(2);

try {
  const server = await startPostgres({
    dataDir,
    settings: { fsync: "off" },
    temporary: temporary === "temporary",
  });
  process.once("message", async () => {
    await server.stop();
    process.disconnect();
  });
  tell({ type: "ready", url: server.url, pid: server.pid });
} catch (error) {
  tell({ type: "failed", message: (error as Error).message });
  process.disconnect();
}
