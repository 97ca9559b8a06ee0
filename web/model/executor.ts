/** What an executor says about itself, in words. */
import type { Json } from "./json.ts";

const numberOf = (value: Json, key: string): number | undefined => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const member = value[key];
  return typeof member === "number" ? member : undefined;
};

const percent = (fraction: number): string => `${Math.round(fraction * 100)} %`;

/** One line per resource, such as `CPU 40 % of 90 %`. */
export function loadInWords(load: Json, maxLoad: Json): string[] {
  return [["CPU", "cpu"] as const, ["Memory", "memory"] as const].flatMap(([word, key]) => {
    const used = numberOf(load, key);
    if (used === undefined) return [];
    const max = numberOf(maxLoad, key);
    return [`${word} ${percent(used)}${max === undefined ? "" : ` of ${percent(max)}`}`];
  });
}

/** `zone=eu` for each label, by name. */
export function labelsInWords(labels: Json): string[] {
  if (typeof labels !== "object" || labels === null || Array.isArray(labels)) return [];
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${String(value)}`)
    .sort();
}
