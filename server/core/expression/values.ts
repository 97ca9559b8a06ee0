/** Between JSON and CEL's values. */
import {
  type CelInput,
  type CelValue,
  celList,
  celMap,
  isCelList,
  isCelMap,
  isCelType,
  isCelUint,
} from "@bufbuild/cel";
import { reflect } from "@bufbuild/protobuf/reflect";
import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";
import { TimestampSchema, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { formatDuration } from "../duration.ts";
import { type Allowance, DEPTH } from "../params/json-tree.ts";
import type { Scope } from "../params/scope.ts";
import { badInput, limitExceeded } from "../rejection.ts";
import type { ExpressionReferences, Variable } from "./check.ts";

/** What an input can hold, and as much again: some 30 ms of conversion. */
const VALUES = 250_000;

/** The variables that an expression reads, and of the nodes those parts only. Throws LIMIT_EXCEEDED when it is too much. */
export function bindings(
  scope: Scope,
  variables: ReadonlySet<Variable>,
  { nodes, allNodes }: ExpressionReferences,
  field: string,
): Record<string, CelInput> {
  const reader = new Reader(field);
  // Without a prototype, so that nothing is found that is not there.
  const bound: Record<string, CelInput> = Object.create(null);
  const keys = new Set(allNodes ? Object.keys(scope.nodes) : nodes.map(({ key }) => key));
  const known = [...keys].filter((key) => Object.hasOwn(scope.nodes, key));
  if (variables.has("params")) bound.params = reader.read(scope.params, 0);
  if (variables.has("states"))
    bound.states = celMap(new Map(known.map((key) => [key, scope.nodes[key]?.state ?? ""])));
  if (variables.has("nodes")) {
    const withOutput = new Set(nodes.filter(({ path }) => path[0] !== "state").map(({ key }) => key));
    bound.nodes = celMap(
      new Map(
        known.map((key) => {
          const { state = "", output } = scope.nodes[key] ?? {};
          const entries: [string, CelValue][] = [["state", state]];
          if (output !== undefined && (allNodes || withOutput.has(key)))
            entries.push(["output", reader.read(output, 0)]);
          return [key, celMap(new Map(entries))];
        }),
      ),
    );
  }
  if (variables.has("run")) {
    const { id, job, namespace, scheduledAt, timeZone } = scope.run;
    bound.run = celMap(
      new Map<string, CelInput>(
        Object.entries({
          id,
          job,
          namespace,
          timeZone,
          scheduledAt: reflect(TimestampSchema, timestampFromMs(scheduledAt)),
        }),
      ),
    );
  }
  return bound;
}

/** Makes lists and maps of the library at once: its own conversion takes a member `constructor` for a class. */
class Reader {
  readonly #field: string;
  #left = VALUES;

  constructor(field: string) {
    this.#field = field;
  }

  read(value: unknown, depth: number): CelValue {
    if (--this.#left < 0) throw limitExceeded(`reads more than ${VALUES} values`, this.#field);
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
    if (typeof value !== "object" || value === null) return null;
    if (depth === DEPTH) throw badInput(this.#field, `reads a value that is more than ${DEPTH} levels deep`);
    if (Array.isArray(value)) return celList(value.map((item) => this.read(item, depth + 1)));
    return celMap(new Map(Object.entries(value).map(([key, item]) => [key, this.read(item, depth + 1)])));
  }
}

/** The JSON of a value. Throws BAD_INPUT for what JSON cannot hold, LIMIT_EXCEEDED when it is larger than allowed. */
export function toJson(value: CelValue, field: string, allowance: Allowance, depth = 0): unknown {
  // A value that is small in memory may hold the same part many times.
  allowance.spend(typeof value === "string" ? value.length : 1);
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "bigint") return wholeNumber(value, field);
  if (isCelUint(value)) return wholeNumber(value.value, field);
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw badInput(field, `is ${value}, which is no number of JSON`);
  }
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (isCelType(value)) return value.name;
  if (depth === DEPTH) throw badInput(field, `is more than ${DEPTH} levels deep`);
  if (isCelList(value)) return [...value].map((item) => toJson(item, field, allowance, depth + 1));
  if (isCelMap(value)) {
    return Object.fromEntries(
      [...value].map(([key, item]) => [
        String(isCelUint(key) ? key.value : key),
        toJson(item, field, allowance, depth + 1),
      ]),
    );
  }
  return timeText(value.message as Timestamp | Duration);
}

/** There is no way to make a message of another kind. */
function timeText(message: Timestamp | Duration): string {
  return message.$typeName === "google.protobuf.Timestamp"
    ? new Date(timestampMs(message)).toISOString()
    : formatDuration(Number(message.seconds) * 1000 + message.nanos / 1e6);
}

function wholeNumber(value: bigint, field: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw badInput(
    field,
    `is ${value}, which is too large for a number of JSON; make a text of it with string()`,
  );
}

/** `"yes" (a string)`: for messages. */
export function describe(value: CelValue): string {
  if (value === null) return "null";
  if (isCelList(value)) return "a list";
  if (isCelMap(value)) return "a map";
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === "number" || typeof value === "bigint") return `the number ${value}`;
  return "a value of another type";
}
