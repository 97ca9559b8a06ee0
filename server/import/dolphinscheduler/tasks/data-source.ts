/** Data sources, which an export names by a number only. */
import { type NodeContext, problem } from "../context.ts";
import { text } from "../readers.ts";

/** What the worker's connections lead to. */
const KNOWN = ["MYSQL", "MARIADB", "POSTGRESQL"];

/** The name of a connection, for the worker's operator to give. */
export function connectionOf(context: NodeContext): string {
  const { params } = context.task;
  const note = "the name of a connection at the worker: the export does not say where it leads";
  const type = text(params, "type", "input.connection", note) ?? "";
  const id = text(params, "datasource", "input.connection", note) ?? "unknown";
  const name = `${type === "" ? "database" : type.toLowerCase()}-${id}`;
  problem(context, `needs connection ${name} at its worker: the export names its data source by number only`);
  if (!KNOWN.includes(type.toUpperCase()))
    problem(
      context,
      `is for ${type}, and connections of the worker that comes along lead to ${KNOWN.join(", ")} only`,
    );
  return name;
}
