/** Relations between tasks: edges, and what a database has to say of edges. */
import { unfolded } from "./json.ts";
import { type Fields, isEmpty, type Members } from "./report.ts";

export const RELATIONS = [
  "processTaskRelationList",
  "workflowTaskRelationList",
  "taskRelationJson",
  "taskRelationList",
];

/** What the database has of a relation, and what an edge has a use for. */
const BOOKKEEPING = [
  ...["id", "preTaskVersion", "postTaskVersion", "createTime", "updateTime", "projectCode", "operator"],
  ...["operateTime", "processDefinitionCode", "processDefinitionVersion", "workflowDefinitionCode"],
  "workflowDefinitionVersion",
];
const CONDITIONS = ["name", "conditionType", "conditionParams"];
export const RELATION = ["preTaskCode", "postTaskCode", ...BOOKKEEPING, ...CONDITIONS];

/** Fields of relations by their names, once for all of them: there are as many as edges. */
export function reportRelations(relations: Members[], around: Fields): void {
  for (const name of ["preTaskCode", "postTaskCode"]) {
    const odd = relations
      .map((relation) => relation[name])
      .filter((value) => typeof value === "object" && value !== null);
    if (odd.length > 0)
      around.add(RELATIONS, `[].${name}`, {
        outcome: "unmapped",
        value: odd,
        note: "must be the code of a task",
      });
  }
  for (const name of [...BOOKKEEPING, ...CONDITIONS]) {
    const values = relations.map((relation) => relation[name]).filter((value) => value !== undefined);
    if (values.length === 0) continue;
    const isPlain = values.every((value) => ["NONE", 0, "0"].includes(value as string) || isBlank(value));
    const isSaid = CONDITIONS.includes(name) && !isPlain;
    around.add(RELATIONS, `[].${name}`, {
      outcome: "unmapped",
      value: isSaid ? values : [...new Set(values)],
      note: isSaid
        ? "edges have no conditions of their own; conditions and switch nodes have"
        : "DolphinScheduler's own bookkeeping",
      ...(isSaid ? {} : { trivial: true as const }),
    });
  }
}

const isBlank = (value: unknown): boolean => isEmpty(unfolded(value));
