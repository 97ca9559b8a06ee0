/** iCalendar text (RFC 5545) as far as events need it: components with their properties, and what is wrong where. */
import ICAL from "ical.js";
import { badInput, type Rejection } from "../rejection.ts";
import { shown } from "./check-entries.ts";

/** A property as ical.js reads it: dates as 2027-12-24, times as 2027-12-24T18:00:00, with Z when they are in UTC. */
export interface IcsProperty {
  line: number;
  /** In lower case, as are parameters and types. */
  name: string;
  parameters: Record<string, unknown>;
  type: string;
  values: unknown[];
}

export interface IcsComponent {
  name: string;
  line: number;
  properties: IcsProperty[];
  components: IcsComponent[];
  /** Why one of its properties cannot be read. */
  fault: string | null;
}

/** Characters: 10,000 events of a usual size. Public holiday calendars have 20,000 to 300,000. */
const MAX_TEXT = 2_000_000;
/** Of a line that is put together: more than a thousand dates. ical.js takes quadratic time on parameters. */
const MAX_LINE = 50_000;
/** VCALENDAR, VEVENT and VALARM are three. */
const MAX_DEPTH = 10;

/** All else is passed over unread, whatever its size and state: descriptions, attachments, attendees. */
const PROPERTIES = new Set([
  "dtend",
  "dtstart",
  "duration",
  "exdate",
  "exrule",
  "method",
  "rdate",
  "recurrence-id",
  "rrule",
  "status",
  "summary",
  "transp",
  "tzid",
  "tzoffsetfrom",
  "tzoffsetto",
  "uid",
  "x-microsoft-cdo-alldayevent",
  "x-wr-timezone",
]);

/** The VCALENDARs of a text. Throws BAD_INPUT for `ics` saying in which line it ceases to be iCalendar text. */
export function readComponents(text: string): IcsComponent[] {
  if (text.length > MAX_TEXT) {
    throw fault(`has ${text.length} characters; at most ${MAX_TEXT} are read, so take old events out of it`);
  }
  const root: IcsComponent = { name: "", line: 0, properties: [], components: [], fault: null };
  const open = [root];
  for (const { line, content } of contentLines(text)) {
    const component = open.at(-1) ?? root;
    const [name = "", rest = ""] = /^([A-Za-z0-9-]+)([;:].*)$/s.exec(content)?.slice(1) ?? [];
    const kind = rest.slice(1).trim().toLowerCase();
    if (component === root && (name.toUpperCase() !== "BEGIN" || kind !== "vcalendar")) {
      throw fault(`line ${line} is "${shown(content)}" where iCalendar text says BEGIN:VCALENDAR`);
    }
    if (name === "") throw fault(`line ${line} is "${shown(content)}", which is not of the form NAME:value`);
    if (name.toUpperCase() === "BEGIN") {
      if (open.length > MAX_DEPTH) throw fault(`line ${line} is more than ${MAX_DEPTH} components deep`);
      const inner: IcsComponent = { name: kind, line, properties: [], components: [], fault: null };
      component.components.push(inner);
      open.push(inner);
    } else if (name.toUpperCase() === "END") {
      if (kind !== component.name) {
        throw fault(
          `line ${line} ends ${shown(kind.toUpperCase())}, but ${shown(component.name.toUpperCase())} of line ${component.line} is open`,
        );
      }
      open.pop();
    } else if (PROPERTIES.has(name.toLowerCase())) {
      addProperty(component, line, content);
    }
  }
  const left = open.at(-1) ?? root;
  if (left !== root) {
    throw fault(
      `${shown(left.name.toUpperCase())} of line ${left.line} has no end; the text may have been cut off`,
    );
  }
  return root.components;
}

/** The text of a component's property; empty when it has none. */
export function textOf({ properties }: IcsComponent, name: string): string {
  const value = properties.find((property) => property.name === name)?.values[0];
  return typeof value === "string" ? value : "";
}

export const fault = (message: string): Rejection => badInput("ics", message);

/** Lines as they were before they were folded, with the number of the first one. */
function* contentLines(text: string): Generator<{ line: number; content: string }> {
  let content = "";
  let first = 0;
  let line = 0;
  for (const written of text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/)) {
    line++;
    if (/^[ \t]/.test(written)) {
      content += written.slice(1);
      continue;
    }
    if (content.trim() !== "") yield { line: first, content };
    content = written;
    first = line;
  }
  if (content.trim() !== "") yield { line: first, content };
}

function addProperty(component: IcsComponent, line: number, content: string): void {
  if (content.length > MAX_LINE) {
    throw fault(`line ${line} has ${content.length} characters; at most ${MAX_LINE} are read`);
  }
  try {
    const [name, parameters, type, ...values] = ICAL.parse.property(content);
    component.properties.push({ line, name, parameters, type, values });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    component.fault ??= `line ${line}, "${shown(content)}", cannot be read: ${why.slice(0, 200)}`;
  }
}
