/** Values of a database as JSON and as text. */

/** As JSON has it: bytes as Base64; what a driver has no word for, as null. */
export function plain(value: unknown): unknown {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "bigint" ? String(value) : value;
}

export function jsonLine(row: object): string {
  return `${JSON.stringify(row)}\n`;
}

/** RFC 4180, with the line ends of everybody else; null is nothing between the commas. */
export function csvLine(row: unknown[]): string {
  return `${row.map(csvField).join(",")}\n`;
}

function csvField(value: unknown): string {
  if (value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  // An empty text is quoted, so that it is not taken for null.
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
