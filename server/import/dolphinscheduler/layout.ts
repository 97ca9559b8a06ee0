/** Where the nodes of a process are drawn. */
import type { NamedProcess } from "./context.ts";
import { numberOf, referenceOf, unfolded } from "./json.ts";
import { sayOthers } from "./readers.ts";
import { isMembers, type Members } from "./report.ts";

const LOCATIONS = ["locations", "processDefinitionLocations"];
const DRAWN = ["name", "targetarr", "nodenumber"];
const PLACE = ["taskCode", "x", "y", ...DRAWN];

/** Where nodes are drawn: a list by code, or an object by id. */
export function layoutOf({ source: { fields }, keys }: NamedProcess): Members | undefined {
  const reader = (value: unknown): [unknown, unknown][] | null => {
    const given = unfolded(value);
    if (!Array.isArray(given)) return isMembers(given) ? Object.entries(given) : null;
    return given.map((place) => [isMembers(place) ? place.taskCode : undefined, place]);
  };
  const places = fields.read(LOCATIONS, "workflow.layout", reader, "a list or an object of places") ?? [];
  const drawn = places.map(([, place]) => place).filter(isMembers);
  sayOthers(fields, LOCATIONS, "[]", drawn, PLACE);
  for (const name of DRAWN) {
    const value = drawn.map((place) => place[name]).filter((each) => each !== undefined);
    const note = "the nodes themselves say it";
    if (value.length > 0)
      fields.add(LOCATIONS, `[].${name}`, { outcome: "unmapped", value, note, trivial: true });
  }
  const layout = places.flatMap(([reference, place]): [string, Members][] => {
    const key = keys.get(referenceOf(reference) ?? "");
    const [x, y] = isMembers(place) ? [numberOf(place.x), numberOf(place.y)] : [null, null];
    if (key !== undefined && x !== null && y !== null) return [[key, { x, y }]];
    const note = "no place of a task of the process";
    fields.add(LOCATIONS, "[]", { outcome: "unmapped", value: [reference, place], note });
    return [];
  });
  return layout.length === 0 ? undefined : Object.fromEntries(layout);
}
