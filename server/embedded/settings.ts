/** The server settings of the embedded PostgreSQL, with the reason for each. */

/** What a scheduler on one machine wants; a caller may change any of these. */
const DEFAULTS = {
  // Acknowledged means committed, and committed means on disk.
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  // A few servers with small pools, the tests' or a person's psql: far fewer than this.
  max_connections: "100",
  // The hot tables are small; history is read in pages. Taken from the system only as it is used.
  shared_buffers: "256MB",
  // A busy queue writes tens of MB of log a second; checkpoints every few seconds would double that with full
  // page images. Redo after a crash reads at most this much.
  max_wal_size: "2GB",
  checkpoint_timeout: "15min",
  // Queue tables turn over completely in seconds; the default of a minute lets them bloat.
  autovacuum_naptime: "15s",
  // Short statements only: compiling them or starting helpers for them costs more than it saves, and helpers
  // need /dev/shm, which Docker limits to 64 MB.
  jit: "off",
  max_parallel_workers_per_gather: "0",
  // The tables live on local disks, nearly always flash.
  random_page_cost: "1.1",
  timezone: "UTC",
  log_timezone: "UTC",
  // Refused statements are the client's affair and would fill the disk; starts, stops and crashes stay.
  log_min_messages: "log",
  log_checkpoints: "off",
} satisfies Record<string, string>;

/** PostgreSQL's arguments for these settings. What keeps the server private to this machine cannot be changed. */
export function settingArguments(port: string, settings: Readonly<Record<string, string>>): string[] {
  const all = {
    ...DEFAULTS,
    ...settings,
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: "",
    logging_collector: "off",
  };
  return Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}
