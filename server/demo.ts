/** The `demo` namespace: a few jobs and triggers on a fresh database, so that there is something to watch. */

import type { Definitions } from "./store/definitions.ts";
import { createJob } from "./store/job-changes.ts";
import { createNamespace } from "./store/namespaces.ts";
import { createTrigger } from "./store/trigger-changes.ts";

/** Who made them. */
const DEMO = { by: "demo" };

const cron = (expression: string) => ({
  kind: "cron" as const,
  expression,
  timeZone: "UTC",
  dialect: "UNIX" as const,
  gap: "SHIFT" as const,
  overlap: "FIRST" as const,
});

/** Makes the namespace unless it, or any job, is there already. Returns whether it did. */
export async function plantDemo(definitions: Definitions): Promise<boolean> {
  const { sql } = definitions;
  const [known] = await sql<{ any: boolean }[]>`
    select exists (select from escapement.job) or exists (select from escapement.namespace where name = 'demo') as any`;
  if (known?.any) return false;
  const { id } = await createNamespace(sql, "demo");
  await createJob(definitions, id, {
    name: "greet",
    type: "demo.greet",
    description: "Says hello; takes a moment",
    tags: ["demo"],
    input: '{"name": "world"}',
  });
  await createJob(definitions, id, {
    name: "report",
    type: "demo.report",
    description: "Writes a small report and shows its progress",
    tags: ["demo", "report"],
    priority: 3,
    timeout: "PT2M",
  });
  await createJob(definitions, id, {
    name: "flaky",
    type: "demo.flaky",
    description: "Fails about one time in three; watch the retries",
    tags: ["demo"],
    retry: { fixed: { delay: "PT3S", max: 2 } },
  });
  await createTrigger(
    definitions,
    id,
    {
      name: "greet-every-5s",
      job: "greet",
      schedule: { kind: "fixedRate", everyMs: 5_000 },
    },
    DEMO,
  );
  await createTrigger(
    definitions,
    id,
    {
      name: "report-every-minute",
      job: "report",
      schedule: cron("* * * * *"),
    },
    DEMO,
  );
  await createTrigger(
    definitions,
    id,
    {
      name: "flaky-after-10s",
      job: "flaky",
      schedule: { kind: "fixedDelay", everyMs: 10_000 },
    },
    DEMO,
  );
  return true;
}
