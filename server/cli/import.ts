/** `escapement import`: definitions of other schedulers as files for `apply`. */
import { writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { Rejection } from "../core/rejection.ts";
import { checkZone } from "../core/schedule/zone.ts";
import { importDolphinScheduler } from "../import/dolphinscheduler/import.ts";
import { writeDocuments } from "./definitions/write.ts";
import { Failure } from "./failure.ts";
import { showReport } from "./import-report.ts";
import { outputTo } from "./output.ts";
import { documented } from "./session.ts";
import { readText } from "./values.ts";

interface Options {
  output?: string;
  report: "text" | "json" | "none";
  timeZone: string;
  job?: Record<string, string>;
}

export function importDefinitions(command: Command): void {
  documented(command, "escapement import dolphinscheduler workflows.json -o workflows.yaml");
  documented(
    command
      .command("dolphinscheduler <file>")
      .description("processes as DolphinScheduler 1.x, 2.x and 3.x export them; - for the standard input")
      .option("-o, --output <file>", "where the definitions go; without it the standard output")
      .addOption(
        new Option("--report <form>", "what has become of every field, beside the definitions")
          .choices(["text", "json", "none"])
          .default("text"),
      )
      .option("--time-zone <name>", "of processes whose schedule names none", "UTC")
      .option(
        "--job <code=name>",
        "the job of a process that is named by its code and not in the file; may be repeated",
        gatherJob,
      ),
    "escapement import dolphinscheduler workflows.json -o workflows.yaml --report json > report.json\nescapement import dolphinscheduler - < workflows.json | escapement apply -f - --dry-run",
  ).action(convert);
}

/** The report goes where the definitions do not. */
function convert(file: string, options: Options, command: Command): void {
  const { output, timeZone, job: jobs = {} } = options;
  const asJson = options.report === "json" || command.optsWithGlobals<{ json?: boolean }>().json === true;
  checkTimeZone(timeZone);
  const { documents, report } = read(file, { timeZone, jobs });
  const text = writeDocuments(documents);
  const standardOutput = outputTo(process.stdout);
  if (output === undefined) standardOutput.text(text);
  else writeFileSync(output, text);
  const out = output === undefined ? outputTo(process.stderr) : standardOutput;
  if (options.report === "none") return;
  if (asJson) out.json(report);
  else showReport(report, out);
}

function read(file: string, options: Parameters<typeof importDolphinScheduler>[1]) {
  const text = readText(file);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failure(`${file} is no JSON: ${(error as Error).message}`, 2);
  }
  try {
    return importDolphinScheduler(value, options);
  } catch (error) {
    if (error instanceof Rejection) throw new Failure(`${file}: ${error.message}.`, 1);
    throw error;
  }
}

function checkTimeZone(name: string): void {
  try {
    checkZone(name);
  } catch (error) {
    if (error instanceof Rejection) throw new Failure(`--time-zone ${error.message}.`, 2);
    throw error;
  }
}

function gatherJob(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, code, name] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (code === undefined || name === undefined)
    throw new Failure(`--job must be code=name, and "${text}" is not.`, 2);
  return { ...before, [code]: name };
}
