/** Which namespace a newcomer sees. */

/** Namespaces asked at most about whether they have jobs. */
const LOOKED_AT = 10;

/**
 * The remembered one while it exists; else `default` if it has jobs; else the first with jobs, `demo` on a fresh
 * installation; else `default`, or the first there is. `hasJobs` is asked one by one until it says yes.
 */
export async function chooseNamespace(
  names: readonly string[],
  remembered: string | null,
  hasJobs: (name: string) => Promise<boolean>,
): Promise<string> {
  if (remembered !== null && names.includes(remembered)) return remembered;
  const first = names.filter((name) => name === "default");
  const others = names.filter((name) => name !== "default");
  for (const name of [...first, ...others].slice(0, LOOKED_AT)) if (await hasJobs(name)) return name;
  return first[0] ?? others[0] ?? "default";
}
