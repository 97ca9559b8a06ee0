/** Which addresses a task may call: the table behind the guard against server-side request forgery. */
import { describe, expect, test } from "vitest";
import { guardedLookup, isAllowed } from "../../worker/tasks/address.ts";

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "93.184.216.34",
  "172.15.255.255",
  "172.32.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "192.169.0.1",
  "2606:4700::1111",
  "2a00:1450:4001::200e",
];
const PRIVATE = [
  "10.0.0.1",
  "10.255.255.255",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.255.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "::1",
  "fc00::1",
  "fd12:3456::1",
  "::ffff:127.0.0.1",
  "::ffff:10.0.0.1",
];
const NEVER = [
  "0.0.0.0",
  "0.1.2.3",
  "169.254.169.254",
  "192.0.0.1",
  "192.0.2.1",
  "198.18.0.1",
  "198.51.100.1",
  "203.0.113.1",
  "224.0.0.1",
  "239.255.255.255",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::8.8.8.8",
  "::ffff:169.254.169.254",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "100::1",
  "2001::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "fe80::1",
  "fe80::1%eth0",
  "fec0::1",
  "ff02::1",
];

describe("addresses", () => {
  test.each(PUBLIC)("%s is open to everybody", (address) => {
    expect(isAllowed(address, {})).toBe(true);
  });

  test.each(PRIVATE)("%s is open only where the operator allows private networks", (address) => {
    expect(isAllowed(address, {})).toBe(false);
    expect(isAllowed(address, { allowPrivate: true })).toBe(true);
  });

  test.each(NEVER)("%s stays closed even then", (address) => {
    expect(isAllowed(address, { allowPrivate: true })).toBe(false);
  });

  test("an allow-list opens what it names and nothing beside it", () => {
    const policy = { allow: ["10.1.0.0/16", "169.254.169.254", "fd00::/64"] };
    expect(isAllowed("10.1.200.3", policy)).toBe(true);
    expect(isAllowed("10.2.0.1", policy)).toBe(false);
    expect(isAllowed("169.254.169.254", policy)).toBe(true);
    expect(isAllowed("169.254.169.253", policy)).toBe(false);
    expect(isAllowed("fd00::5", policy)).toBe(true);
    expect(isAllowed("fd00:0:0:1::5", policy)).toBe(false);
  });
});

describe("names", () => {
  test("a name that resolves to a private address is refused", async () => {
    await expect(addressesOf("localhost", {})).rejects.toThrow(/localhost \(.+\) is not a public address/);
  });

  test("a name on the allow-list is resolved whatever it means", async () => {
    const addresses = await addressesOf("localhost", { allow: ["localhost"] });
    expect(["127.0.0.1", "::1"]).toEqual(expect.arrayContaining(addresses));
    expect(addresses.length).toBeGreaterThan(0);
  });

  test("another name on the allow-list does not help", async () => {
    await expect(addressesOf("localhost", { allow: ["localhost.example"] })).rejects.toThrow(
      "not a public address",
    );
  });
});

function addressesOf(name: string, policy: Parameters<typeof guardedLookup>[0]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    guardedLookup(policy)(name, { all: true }, (error, addresses) => {
      if (error !== null) reject(error);
      else resolve(typeof addresses === "string" ? [addresses] : addresses.map(({ address }) => address));
    });
  });
}
