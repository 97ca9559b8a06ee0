/**
 * Which addresses a task may call on behalf of whoever wrote its input: the public internet, and beyond that only
 * what the worker's operator allowed. Checked on the address that is connected to, so that a name which resolves
 * differently the second time gains nothing.
 */
import { lookup as resolve } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { DoNotRetry } from "../errors.ts";

export interface AddressPolicy {
  /** Loopback, RFC 1918, CGNAT and ULA may be called too. Link-local, where clouds keep secrets, stays closed. */
  allowPrivate?: boolean | undefined;
  /** Host names, addresses and CIDR ranges that may be called whatever they are. */
  allow?: string[] | undefined;
}

/** The address is not one that a task may call. */
export class AddressRefused extends DoNotRetry {
  override readonly name = "AddressRefused";
}

/** Private networks: RFC 1918, RFC 6598 (CGNAT), RFC 1122 (loopback), RFC 4193 (ULA). */
const PRIVATE = blockListOf([
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1/128",
  "fc00::/7",
]);

/** The rest of IANA's special-purpose registries: never a service on the internet. */
const SPECIAL = blockListOf([
  "0.0.0.0/8",
  "169.254.0.0/16",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
]);

/** Global unicast; everything outside, IPv4 dressed up as IPv6 included, is special. */
const GLOBAL_IPV6 = blockListOf(["2000::/3"]);

/** Whether the policy lets a task connect to this address, which must be an IP literal. */
export function isAllowed(address: string, policy: AddressPolicy): boolean {
  const bare = address.split("%")[0] ?? address;
  if (contains(allowedRanges(policy), bare)) return true;
  if (contains(PRIVATE, bare)) return policy.allowPrivate === true;
  if (contains(SPECIAL, bare)) return false;
  return isIP(bare) === 4 || contains(GLOBAL_IPV6, bare);
}

/** A connector for undici that refuses, with {@link AddressRefused}, what the policy does not allow. */
export function guardedConnector(policy: AddressPolicy): buildConnector.connector {
  const connect = buildConnector({ timeout: 10_000, lookup: guardedLookup(policy) });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, "");
    // An IP literal is connected to without a lookup.
    if (isIP(host) !== 0 && !isAllowed(host, policy)) callback(refusal(host, host), null);
    else connect(options, callback);
  };
}

/** Resolves like Node does, and refuses a name as soon as one of its addresses is refused. */
export function guardedLookup(policy: AddressPolicy): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      const trusted = policy.allow?.includes(hostname) === true;
      const refused = trusted ? undefined : addresses.find(({ address }) => !isAllowed(address, policy));
      if (refused !== undefined) return callback(refusal(hostname, refused.address), "", 0);
      const [first] = addresses;
      if (options.all === true || first === undefined) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

function refusal(host: string, address: string): AddressRefused {
  const where = host === address ? address : `${host} (${address})`;
  return new AddressRefused(
    `${where} is not a public address. Whoever runs this worker can allow it, see worker/README.md.`,
  );
}

function allowedRanges({ allow = [] }: AddressPolicy): BlockList {
  return blockListOf(allow.filter((entry) => isIP(entry.split("/")[0] ?? "") !== 0));
}

function contains(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function blockListOf(ranges: string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    const ipv6 = isIP(address) === 6;
    list.addSubnet(
      address,
      prefix === undefined ? (ipv6 ? 128 : 32) : Number(prefix),
      ipv6 ? "ipv6" : "ipv4",
    );
  }
  return list;
}
