/** Numbers of JSON that JavaScript would round. */

/** What stands in quotes is no number. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?![\d.eE])/g;

/** The first whole number of the text that is beyond 2^53; null when there is none. */
export function roundedNumber(json: string): string | null {
  for (const [token] of json.matchAll(TOKEN))
    if (token.length > 15 && !token.startsWith('"') && !Number.isSafeInteger(Number(token))) return token;
  return null;
}
