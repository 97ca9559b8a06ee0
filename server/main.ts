/** The program: its commands, each loaded when it is called. With config.ts the only reader of the environment. */
import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import colors from "picocolors";

/** Gives a command its arguments, options and action. */
type Configure = (command: Command, environment: NodeJS.ProcessEnv) => void;

/** Of servers here, and of the clients of a server: names, what they do, and where they are. */
const COMMANDS: [name: string, summary: string, load: () => Promise<Configure>][] = [
  [
    "dev",
    "everything on this machine: database, server, dashboard, one worker, a demo namespace",
    async () => (await import("./serve.ts")).dev,
  ],
  [
    "server",
    "a server alone, on the PostgreSQL of DATABASE_URL; start as many as you like",
    async () => (await import("./serve.ts")).server,
  ],
  [
    "migrate",
    "bring the tables of DATABASE_URL to this version",
    async () => (await import("./serve.ts")).migration,
  ],
  [
    "worker",
    "the built-in worker alone; see ESCAPEMENT_URL, ESCAPEMENT_TOKEN, ESCAPEMENT_NAMESPACES",
    async () => (command) => void command.action(async () => void (await import("../worker/builtin.ts"))),
  ],
  [
    "apply",
    "create or update the jobs, triggers and calendars of files",
    async () => (await import("./cli/apply.ts")).apply,
  ],
  [
    "export",
    "write definitions as a file that apply reads",
    async () => (await import("./cli/export.ts")).exportDefinitions,
  ],
  ["run", "start a job, and wait for its end if wanted", async () => (await import("./cli/run.ts")).run],
  ["runs", "list runs, newest first", async () => (await import("./cli/runs.ts")).runs],
  ["show", "say all about one run", async () => (await import("./cli/show.ts")).show],
  ["logs", "print the log of a run, and follow it", async () => (await import("./cli/logs.ts")).logs],
  ["cancel", "end runs that have not ended", async () => (await import("./cli/cancel.ts")).cancel],
  ["retry", "put ended runs back into the queue", async () => (await import("./cli/retry.ts")).retry],
  ["jobs", "list jobs", async () => (await import("./cli/jobs.ts")).jobs],
  [
    "triggers",
    "list triggers; pause, resume or fire one",
    async () => (await import("./cli/triggers.ts")).triggers,
  ],
  ["executors", "list executors", async () => (await import("./cli/executors.ts")).executors],
  ["backfill", "run a job for past times", async () => (await import("./cli/backfill.ts")).backfill],
  ["tokens", "list tokens; create or revoke one", async () => (await import("./cli/tokens.ts")).tokens],
  [
    "import",
    "turn the definitions of another scheduler into a file that apply reads",
    async () => (await import("./cli/import.ts")).importDefinitions,
  ],
];

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

const program = new Command("escapement")
  .description("A distributed job scheduler on PostgreSQL alone, for workers in any language.")
  .version(version)
  .showHelpAfterError("(--help says more)")
  .exitOverride()
  .helpCommand(false)
  .addOption(
    new Option("--url <address>", "where the server listens")
      .env("ESCAPEMENT_URL")
      .default("http://127.0.0.1:4400"),
  )
  .addOption(
    new Option("--token <secret>", "who asks, where the server wants to know").env("ESCAPEMENT_TOKEN"),
  )
  .addOption(
    new Option("--namespace <name>", "which one; lists without it show all that the token may see").env(
      "ESCAPEMENT_NAMESPACE",
    ),
  )
  .option("--json", "print JSON instead of text")
  .hook("preSubcommand", async (_, command) => {
    const [given] = program.args;
    const found = COMMANDS.find(([name]) => name === command.name());
    // Else whatever is no command would be an argument of the one that is meant without a name.
    if (given !== undefined && given !== command.name())
      program.error(`error: there is no command "${given}"; escapement --help lists them`);
    if (found) (await found[2]())(command, process.env);
  });

for (const [name, summary] of COMMANDS)
  program.command(name, { isDefault: name === "dev" }).description(summary);
program.command("help [command]", { hidden: true }).action(async (name?: string) => {
  await program.parseAsync(name === undefined ? ["--help"] : [name, "--help"], { from: "user" });
});

program.parseAsync().catch((error: unknown) => {
  // Commander has said it already; wrong usage is 2, as of a command that could not be carried out.
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  const { message, exitCode = 1 } = error as Error & { exitCode?: number };
  process.stderr.write(`${colors.red("✘")} ${message ?? error}\n`);
  process.exit(exitCode);
});
