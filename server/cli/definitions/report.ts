/** What has become of each definition, for a person and for a program. */
import type { Output } from "../output.ts";
import type { Change } from "./compare.ts";
import type { Fault } from "./documents.ts";
import type { Kind } from "./kinds.ts";

export interface Applied {
  /** `job hello`, or the file for what is no definition. */
  title: string;
  kind?: Kind;
  namespace?: string;
  name?: string;
  action: "created" | "updated" | "unchanged" | "deleted" | "failed";
  changes: Change[];
  faults: (Fault & { code?: string })[];
}

const WOULD: Record<Applied["action"], string> = {
  created: "would create",
  updated: "would update",
  deleted: "would delete",
  unchanged: "unchanged",
  failed: "failed",
};

/** Longer values are not for a line. */
const VALUE_LENGTH = 40;

/** One line each, and below it what is wrong with it; at last how many there were of what. */
export function show(results: Applied[], out: Output, dryRun: boolean): void {
  const words = results.map(({ action }) => (dryRun ? WOULD[action] : action));
  const width = Math.max(0, ...words.map((word) => word.length));
  for (const [index, { title, namespace, changes, faults }] of results.entries()) {
    const word = words[index] ?? "";
    const where =
      namespace === undefined || namespace === "default" ? "" : out.colors.dim(` in ${namespace}`);
    const what = changes.map(changeText).join(", ");
    out.line(`${out.word(word)}${" ".repeat(width - word.length)}  ${title}${where}${what && `: ${what}`}`);
    for (const fault of faults) out.line(`${" ".repeat(width)}  ${faultText(fault)}`);
  }
  const counts = [...new Set(words)].map(
    (word) => `${words.filter((other) => other === word).length} ${word}`,
  );
  out.line(out.colors.dim(counts.join(", ") || "No documents."));
}

/** `jobs.yaml:12:3, document 2: retry.fixed.max: must be a whole number`. */
export function faultText({ place, field, message }: Fault): string {
  const { file, document, line, column } = place;
  const about = field === "" || message.startsWith(field) ? message : `${field}: ${message}`;
  return `${file}:${line}:${column}, document ${document}: ${about}`;
}

function changeText({ field, from, to }: Change): string {
  const [before, after] = [from, to].map(valueText);
  return before === null || after === null ? field : `${field} ${before} → ${after}`;
}

/** Null for what is too long to be shown. */
function valueText(value: unknown): string | null {
  if (value === undefined) return "unset";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > VALUE_LENGTH || text.includes("\n") ? null : text;
}

/** The same as JSON. */
export const forProgram = ({ kind, namespace, name, title, action, changes, faults }: Applied) => ({
  ...(kind === undefined ? { title } : { kind, namespace, name }),
  action,
  changes,
  errors: faults.map(({ place, field, message, code }) => ({ ...place, field, message, code })),
});
