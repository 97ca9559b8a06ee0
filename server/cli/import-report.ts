/** What an import has made of each process, for a person: what needs a hand, what differs, and what is left behind. */
import type { Entry, ProcessReport, Report } from "../import/dolphinscheduler/report.ts";
import type { Output } from "./output.ts";

/** A value is there to be recognized. */
const VALUE_LENGTH = 60;

export function showReport({ processes, problems }: Report, out: Output): void {
  for (const process of processes) {
    const { name, job, trigger, nodes } = process;
    const renamed = name === job ? "" : ` (${name})`;
    const fired = trigger === null ? "" : `, trigger ${trigger}`;
    out.line(`${out.colors.bold(`job ${job}`)}${renamed}: ${nodes.length} nodes${fired}`);
    for (const line of linesOf(process)) out.line(`  ${line}`);
  }
  if (problems.length > 0) {
    out.line(out.colors.bold("To be looked at:"));
    for (const { process, node, message } of problems)
      out.line(`  ${out.colors.yellow("!")} ${process}${node === undefined ? "" : `, ${node}`}: ${message}`);
  }
  const all = processes.flatMap(({ entries, nodes }) => [
    ...entries,
    ...nodes.flatMap((node) => node.entries),
  ]);
  const count = (outcome: Entry["outcome"]) => all.filter((entry) => entry.outcome === outcome).length;
  const losses = all.filter(isLoss).length;
  out.line(
    out.colors.dim(
      `${all.length} fields: ${count("mapped")} mapped, ${count("different")} with a difference, ${losses} not mapped, ${count("unmapped") - losses} that say nothing. --report json has them all.`,
    ),
  );
}

const isLoss = ({ outcome, trivial }: Entry): boolean => outcome === "unmapped" && trivial !== true;

/** Differences and losses; what is mapped, and what is no loss, needs no line. */
function linesOf({ entries, nodes }: ProcessReport): string[] {
  const all = [
    ...entries.map((entry) => ({ entry, where: "" })),
    ...nodes.flatMap(({ key, entries: own }) => own.map((entry) => ({ entry, where: `${key}: ` }))),
  ];
  return all
    .filter(({ entry }) => entry.outcome === "different" || isLoss(entry))
    .map(({ entry, where }) => {
      if (entry.outcome === "different") return `${where}${entry.field} → ${entry.to}: ${entry.note}`;
      return `${where}${entry.field} is not mapped: ${valueText(entry.value)} (${entry.note})`;
    });
}

function valueText(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > VALUE_LENGTH ? `${text.slice(0, VALUE_LENGTH)}…` : text;
}
