/**
 * Which requests are answered at all. A browser on the same machine reaches a server on loopback, so a page anywhere
 * could drive it, by requests across origins or by a host name that it points at 127.0.0.1 (DNS rebinding). Hence:
 * the Host must be one this server was configured for, and a browser's request must come from our own pages.
 */

export interface Arrival {
  method: string;
  /** Path and query. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  /** Where the connection arrived. */
  localAddress: string | undefined;
  localPort: number | undefined;
}

export interface OriginRules {
  /** HOST of the configuration: where the server listens. */
  host: string;
  /** Names besides loopback, each with or without a port. */
  allowedHosts: string[];
  /** With authentication a host that is not loopback is served under its own address, too. */
  authentication: boolean;
}

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/;
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;
const EVERY_ADDRESS = new Set(["0.0.0.0", "::", "[::]"]);
/** Everything that is not a page of the dashboard. */
const MACHINE_PATH = /^\/(v1|graphql|metrics|healthz|readyz)(?![^/?#])/;

/** Why a request is refused, for people; null when it is not. */
export function refusal(arrival: Arrival, rules: OriginRules): string | null {
  const host = one(arrival.headers.host)?.toLowerCase();
  if (host === undefined || !isServed(host, arrival, rules)) {
    return "this server does not answer to that Host; name it in ESCAPEMENT_HOSTS if it should";
  }
  const origin = one(arrival.headers.origin);
  if (origin !== undefined && !isOwnOrigin(origin.toLowerCase(), host)) {
    return "requests from pages of other origins are refused";
  }
  const site = one(arrival.headers["sec-fetch-site"]);
  if (site === undefined || site === "same-origin" || site === "none" || isFollowedLink(arrival)) return null;
  return "requests from pages of other sites are refused";
}

function one(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(", ") : header;
}

function isServed(host: string, { localAddress, localPort }: Arrival, rules: OriginRules): boolean {
  const [, name, givenPort] = HOST.exec(host) ?? [];
  if (name === undefined) return false;
  const port = Number(givenPort ?? 80);
  if (LOOPBACK.test(name) && port === localPort) return true;
  for (const allowed of rules.allowedHosts) {
    const wanted = allowed.toLowerCase();
    if (wanted === name || wanted === host) return true;
  }
  if (!rules.authentication || port !== localPort) return false;
  if (EVERY_ADDRESS.has(rules.host)) return name === literal(localAddress);
  return name === literal(rules.host.toLowerCase());
}

/** An address as it stands in a Host header. */
function literal(address: string | undefined): string | undefined {
  const plain = address?.replace(/^::ffff:(?=\d+\.)/, "");
  return plain?.includes(":") && !plain.startsWith("[") ? `[${plain}]` : plain;
}

/** The scheme may differ from ours: a proxy in front may speak TLS. */
function isOwnOrigin(origin: string, host: string): boolean {
  const [, scheme, name, port] =
    /^(https?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/.exec(origin) ?? [];
  const [, hostName, hostPort] = HOST.exec(host) ?? [];
  const usual = scheme === "https" ? "443" : "80";
  return name !== undefined && name === hostName && (port ?? usual) === (hostPort ?? usual);
}

/** A link to a page of the dashboard, in a mail or a chat: it only shows our own page to its reader. */
function isFollowedLink({ method, url, headers }: Arrival): boolean {
  return (
    method === "GET" &&
    headers.origin === undefined &&
    headers["sec-fetch-mode"] === "navigate" &&
    headers["sec-fetch-dest"] === "document" &&
    !MACHINE_PATH.test(url)
  );
}
