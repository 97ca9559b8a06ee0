/** Where an HTTP answer sends a request next, decided before anything is sent there. */
import { DoNotRetry } from "../errors.ts";

/** One request on the way. */
export interface Hop {
  url: URL;
  method: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  body?: string | undefined;
}

const MAX_REDIRECTS = 3;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Meant for one origin only. */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"];

/** The next hop (RFC 9110, 15.4), or nothing when the answer is the last one. */
export function nextHop(
  hop: Hop,
  answer: { statusCode: number; headers: Record<string, string | string[] | undefined> },
  redirects: number,
): Hop | undefined {
  const { location } = answer.headers;
  if (!REDIRECTS.includes(answer.statusCode) || typeof location !== "string") return undefined;
  if (redirects >= MAX_REDIRECTS) throw new DoNotRetry(`More than ${MAX_REDIRECTS} redirects.`);
  const url = checkedUrl(location, "The redirect's target", hop.url);
  const headers = url.origin === hop.url.origin ? hop.headers : without(hop.headers, CREDENTIALS);
  return becomesGet(answer.statusCode, hop.method)
    ? { url, method: "GET", headers: without(headers, ["content-type"]) }
    : { ...hop, url, headers };
}

/** An http or https URL without user name and password. */
export function checkedUrl(value: unknown, name: string, base?: URL): URL {
  if (typeof value !== "string" || !URL.canParse(value, base?.href)) {
    throw new DoNotRetry(`${name} must be a URL such as https://example.com/path.`);
  }
  const url = new URL(value, base?.href);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new DoNotRetry(`${name} must be an http or https URL, not ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new DoNotRetry(`${name} must not carry a user name or password: use an Authorization header.`);
  }
  return url;
}

function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}

function without(headers: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
