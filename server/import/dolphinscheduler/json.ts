/** JSON within JSON: DolphinScheduler keeps some objects as text, and exports them as it keeps them or unfolded. */

/** The value that a text is the JSON of; what is no text, or no JSON, is given back as it is. */
export function unfolded(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** The list that the value is or is the JSON of; empty for anything else. */
export function listOf(value: unknown): unknown[] {
  const unfoldedValue = unfolded(value);
  return Array.isArray(unfoldedValue) ? unfoldedValue : [];
}

/** A whole number, also one that is written as text; null for anything else. */
export function numberOf(value: unknown): number | null {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

/** A code, an id or a name, as the text that it is looked up by; null for none, which is also written 0 and -1. */
export function referenceOf(value: unknown): string | null {
  if (typeof value === "number") return value > 0 ? String(value) : null;
  return typeof value === "string" && !["", "0", "-1"].includes(value) ? value : null;
}
