/** Which time zone was probably meant by a name that is none, and why it is none. */

/** The names of today for zones that the runtime lists under an older one; it knows them, too. */
const RENAMED = [
  "America/Argentina/Buenos_Aires",
  "America/Argentina/Catamarca",
  "America/Argentina/Cordoba",
  "America/Argentina/Jujuy",
  "America/Argentina/Mendoza",
  "America/Atikokan",
  "America/Indiana/Indianapolis",
  "America/Kentucky/Louisville",
  "America/Nuuk",
  "Africa/Asmara",
  "Asia/Ho_Chi_Minh",
  "Asia/Kathmandu",
  "Asia/Kolkata",
  "Asia/Yangon",
  "Atlantic/Faroe",
  "Europe/Kyiv",
  "Pacific/Chuuk",
  "Pacific/Kanton",
  "Pacific/Pohnpei",
  "UTC",
] as const;

/** A text that is longer than this is not a name with a slip in it. */
const MAX_NAME_LENGTH = 64;

/** The end of a sentence about a name that is none: `did you mean Europe/Berlin?`, or what to give instead. */
export function zoneAdvice(given: string): string {
  const name = given
    .trim()
    .slice(0, MAX_NAME_LENGTH + 1)
    .replaceAll(/[\s-]+/g, "_")
    .replaceAll("\\", "/");
  const offset = /^(?:UTC|GMT)?_?([+-]?)(\d{1,2})(?::?(\d{2}))?$/i.exec(given.trim());
  if (offset) return offsetAdvice(offset);
  const meant = name.length > MAX_NAME_LENGTH ? null : nearest(name.toLowerCase());
  if (meant !== null) return `did you mean ${meant}?`;
  return /^[A-Z]{2,5}$/.test(name)
    ? "an abbreviation stands for no one place's clocks; give a name such as America/New_York"
    : "give a name such as UTC or Europe/Berlin";
}

/** The zones `Etc/GMT±n` count the other way round: west is plus. */
function offsetAdvice([, sign = "", hours = "0", minutes = "00"]: readonly string[]): string {
  const east = sign === "-" ? -Number(hours) : Number(hours);
  const whole = minutes === "00";
  if (whole && east === 0) return "did you mean UTC?";
  const always = whole && east >= -12 && east <= 14;
  const instead = always ? `; Etc/GMT${east > 0 ? "-" : "+"}${Math.abs(east)} always has that one` : "";
  return `an offset does not say when the clocks change, so give a name such as Europe/Berlin${instead}`;
}

/** By its last part alone (`Berlin`, `New York`), or with up to one slip in five letters of the whole name. */
function nearest(name: string): string | null {
  const known = [...RENAMED, ...Intl.supportedValuesOf("timeZone")];
  const city = known.find((zone) => zone.toLowerCase().split("/").at(-1) === name);
  if (city !== undefined) return city;
  let best: string | null = null;
  let slips = Math.floor(name.length / 5) + 1;
  for (const zone of known) {
    const found = slipsBetween(name, zone.toLowerCase());
    if (found < slips) {
      best = zone;
      slips = found;
    }
  }
  return best;
}

/** How many letters must be put in, left out or replaced to make one text of the other (Levenshtein). */
function slipsBetween(from: string, to: string): number {
  let before = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...from].entries()) {
    const now = [row + 1];
    for (let column = 0; column < to.length; column++) {
      const replaced = (before[column] ?? 0) + (letter === to[column] ? 0 : 1);
      now.push(Math.min(replaced, (before[column + 1] ?? 0) + 1, (now[column] ?? 0) + 1));
    }
    before = now;
  }
  return before[to.length] ?? 0;
}
