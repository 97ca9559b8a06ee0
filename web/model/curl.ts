/** Commands that a newcomer can paste into a shell. */

/** What to address: the page's origin, its namespace, and whether the server asks for a token. */
export type Target = { origin: string; namespace: string; token: boolean };

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const auth = (target: Target): string =>
  target.token ? ` \\\n  -H "Authorization: Bearer $ESCAPEMENT_TOKEN"` : "";

/** A GraphQL request. */
function curlGraphql(target: Target, query: string): string {
  const body = quoted(JSON.stringify({ query }));
  return `curl -s ${target.origin}/graphql${auth(target)} \\\n  -H 'Content-Type: application/json' \\\n  -d ${body}`;
}

/** A call of the worker protocol. With a token the namespace is the token's. */
function curlWorker(target: Target, path: string, body: unknown): string {
  const url = target.token ? path : `${path}?namespace=${encodeURIComponent(target.namespace)}`;
  return `curl -s ${quoted(`${target.origin}${url}`)}${auth(target)} \\\n  -d ${quoted(JSON.stringify(body))}`;
}

/** Creates a job that a fresh installation's own worker can run. */
export const curlCreateJob = (target: Target): string =>
  curlGraphql(
    target,
    `mutation { createJob(input: { namespace: ${JSON.stringify(target.namespace)}, name: "hello", type: "http", input: { url: ${JSON.stringify(`${target.origin}/healthz`)} } }) { id } }`,
  );

export const curlStartRun = (target: Target, job: string): string =>
  curlGraphql(
    target,
    `mutation { startRun(input: { namespace: ${JSON.stringify(target.namespace)}, job: ${JSON.stringify(job)} }) { id state } }`,
  );

export const curlCreateTrigger = (target: Target, job: string): string =>
  curlGraphql(
    target,
    `mutation { createTrigger(input: { namespace: ${JSON.stringify(target.namespace)}, name: "every-minute", job: ${JSON.stringify(job)}, schedule: { cron: { expression: "* * * * *" } } }) { nextFireAt } }`,
  );

/** Saturdays and Sundays, which is what a week leaves out unless it says otherwise. */
export const curlCreateCalendar = (target: Target, name: string): string =>
  curlGraphql(
    target,
    `mutation { createCalendar(input: { namespace: ${JSON.stringify(target.namespace)}, name: ${JSON.stringify(name)}, rule: { weekly: {} } }) { excluded(first: 3) { from until } } }`,
  );

/** The days of a week, each of which becomes a run. */
export const curlCreateBackfill = (target: Target, job: string): string =>
  curlGraphql(
    target,
    `mutation { createBackfill(input: { namespace: ${JSON.stringify(target.namespace)}, job: ${JSON.stringify(job)}, from: "2026-01-01T00:00:00Z", to: "2026-01-07T00:00:00Z" }) { id progress { total } } }`,
  );

export const curlTakeLease = (target: Target): string =>
  curlWorker(target, "/v1/leases", { executor: "my-shell", waitSeconds: 30 });
