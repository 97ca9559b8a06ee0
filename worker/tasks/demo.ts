/** The task types of the demo namespace: made to be watched in the dashboard, touching nothing outside. */
import type { Context } from "../attempt.ts";
import { pause } from "../persist.ts";
import { defineTask, type Task } from "../task.ts";

/** `demo.greet`, `demo.report` and `demo.flaky`. */
export const demoTasks: Task[] = [
  defineTask({
    type: "demo.greet",
    title: "Greet",
    description: "Says hello, at once.",
    inputSchema: {
      type: "object",
      properties: { name: { type: "string", title: "Name", default: "world" } },
    },
    outputSchema: { type: "object", properties: { greeting: { type: "string" } } },
    handler: greet,
  }),
  defineTask({
    type: "demo.report",
    title: "Sales report",
    description: "10 to 20 seconds of visible work, with a file in the end.",
    inputSchema: {
      type: "object",
      properties: { seconds: { type: "number", title: "Seconds", minimum: 0, maximum: 3_600 } },
    },
    outputSchema: {
      type: "object",
      properties: {
        regions: { type: "integer" },
        revenue: { type: "number" },
        file: { type: "string" },
      },
    },
    handler: report,
  }),
  defineTask({
    type: "demo.flaky",
    title: "Moody service",
    description: "Fails about every third time, which shows what the job's retry policy does about it.",
    inputSchema: { type: "object" },
    outputSchema: { type: "object", properties: { attempt: { type: "integer" }, mood: { type: "string" } } },
    handler: flaky,
  }),
];

const REGIONS = ["Aarhus", "Bologna", "Coimbra", "Dresden", "Espoo", "Fribourg", "Ghent", "Haarlem"];
const REPORT_STEPS = 40;

/** At once: one line, one small output. */
function greet({ name = "world" }: { name?: string }, { log }: Context): { greeting: string } {
  const greeting = `Hello, ${name}!`;
  log(greeting);
  return { greeting };
}

/** Visible work with a file in the end. */
async function report({ seconds: asked = 0 }: { seconds?: number }, context: Context) {
  const { log, progress, putFile, signal } = context;
  const seconds = asked > 0 ? asked : 10 + Math.random() * 10;
  const rows: { region: string; orders: number; revenue: number }[] = [];
  log(`Collecting sales of ${REGIONS.length} regions, about ${Math.round(seconds)} s`);
  for (let step = 0; step < REPORT_STEPS; step++) {
    const region = REGIONS[Math.floor((step * REGIONS.length) / REPORT_STEPS)] ?? "";
    progress(step / REPORT_STEPS, `Reading ${region}`);
    await pause((seconds * 1000) / REPORT_STEPS, signal);
    const isLastOfRegion = (step + 1) % (REPORT_STEPS / REGIONS.length) === 0;
    if (!isLastOfRegion) continue;
    const orders = 40 + Math.floor(Math.random() * 160);
    const revenue = Math.round(orders * (20 + Math.random() * 60) * 100) / 100;
    rows.push({ region, orders, revenue });
    log(`${region}: ${orders} orders, ${revenue.toFixed(2)} EUR`);
    if (orders < 60) log(`${region} sold less than usual`, "warn");
  }
  progress(1, "Writing the table");
  await putFile("sales.csv", csvOf(rows));
  const total = rows.reduce((sum, row) => sum + row.revenue, 0);
  log(`Done: ${total.toFixed(2)} EUR in total`);
  return { regions: rows.length, revenue: Math.round(total * 100) / 100, file: "sales.csv" };
}

async function flaky(_input: unknown, { lease, log, progress, signal }: Context) {
  log(`Attempt ${lease.attempt}: asking a service that has its moods`);
  progress(0.5, "Waiting for the service");
  await pause(300 + Math.random() * 1200, signal);
  if (Math.random() < 1 / 3) {
    log("The service did not answer", "error");
    throw new ServiceUnavailable("The moody service did not answer; the next attempt may have more luck.");
  }
  progress(1, "It answered");
  log("The service answered");
  return { attempt: lease.attempt, mood: "good" };
}

class ServiceUnavailable extends Error {
  override readonly name = "ServiceUnavailable";
}

function csvOf(rows: { region: string; orders: number; revenue: number }[]): string {
  const lines = rows.map(({ region, orders, revenue }) => `${region},${orders},${revenue.toFixed(2)}`);
  return ["region,orders,revenue", ...lines, ""].join("\n");
}
