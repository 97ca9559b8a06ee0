/** Values as they are written on a command line. */
import { readFileSync } from "node:fs";
import { Failure } from "./failure.ts";

/** As much as the server would take of a request. */
const FILE_BYTES = 16 * 1024 * 1024;

/** JSON, or `@file` with JSON in it, or `@-` for the standard input. Throws a Failure that says where it is none. */
export function readJson(text: string, option: string): unknown {
  const source = text.startsWith("@") ? readText(text.slice(1)) : text;
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new Failure(`${option} is no JSON: ${(error as Error).message}`, 2);
  }
}

/** The text of a file; `-` is the standard input. Throws a Failure. */
export function readText(path: string): string {
  try {
    const bytes = readFileSync(path === "-" ? 0 : path);
    if (bytes.length > FILE_BYTES)
      throw new Failure(`${path} has ${bytes.length} bytes; at most ${FILE_BYTES} are read: split it.`, 2);
    return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${path} cannot be read: ${(error as Error).message}`, 2);
  }
}

/** Gathers `key=value`; a value that is JSON is that, any other is text. For commander, which calls it for each. */
export function gatherParam(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) throw new Failure(`--param must be key=value, and "${text}" is not.`, 2);
  return { ...before, [text.slice(0, at)]: jsonOrText(text.slice(at + 1)) };
}

/** Gathers an option that may be given several times. */
export const gather = (text: string, before: string[] = []): string[] => [...before, text];

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A whole number. For commander. */
export function readCount(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new Failure(`"${text}" is no whole number.`, 2);
  return Number(text);
}

/** An enum's value in any letter case: `fire_once`, `fire-once`. */
export const readWord = (text: string): string => text.toUpperCase().replaceAll("-", "_");
