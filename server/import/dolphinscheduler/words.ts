/** Words that DolphinScheduler has for things, or the numbers that it keeps for them, and what they are here. */

const numbered = <T>(words: Record<string, T>): ReadonlyMap<string, T> =>
  new Map([
    ...Object.entries(words),
    ...Object.values(words).map((value, at): [string, T] => [String(at), value]),
  ]);

export const PRIORITY = numbered({ HIGHEST: 9, HIGH: 7, MEDIUM: 5, LOW: 3, LOWEST: 1 });
export const OVERLAP = numbered({
  PARALLEL: "PARALLEL",
  SERIAL_WAIT: "SERIAL_WAIT",
  SERIAL_DISCARD: "SERIAL_DISCARD",
  SERIAL_PRIORITY: "SERIAL_PRIORITY",
});
export const IS_YES = numbered({ NO: false, YES: true });
export const IS_OPEN = numbered({ CLOSE: false, OPEN: true });
export const IS_ONLINE = numbered({ OFFLINE: false, ONLINE: true });
export const FAILURE_STRATEGY = numbered({ END: "END", CONTINUE: "CONTINUE" });
export const ON_TIMEOUT = new Map([
  ["WARN", "WARN"],
  ["FAILED", "FAIL"],
  ["WARNFAILED", "BOTH"],
  ["WARN,FAILED", "BOTH"],
  ["0", "WARN"],
  ["1", "FAIL"],
  ["2", "BOTH"],
]);

/** Undefined for the usual one, which needs no word. */
export const unless = <T>(usual: T, value: T | undefined): T | undefined =>
  value === usual ? undefined : value;

export const minutes = (count: number): string => `PT${count}M`;
