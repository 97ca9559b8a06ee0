/** `/metrics` in Prometheus' text format: base units, few labels, never the id or name of a run. */
import type { FastifyInstance } from "fastify";
import type { Gauges } from "../store/gauges.ts";

type Labels = Record<string, string | number>;
interface Sample {
  labels?: Labels;
  value: number;
}

/** What happened in this process; the rest is read when somebody asks. */
export interface RequestCounts {
  lines(): string[];
}

/** Counts requests by method, route and status; addresses never become labels. */
export function countRequests(app: FastifyInstance): RequestCounts {
  const counts = new Map<string, { labels: Labels; count: number; seconds: number }>();
  app.addHook("onResponse", (request, reply, done) => {
    const { method } = request;
    const { statusCode: status } = reply;
    const route = request.routeOptions.url ?? "none";
    const key = `${method} ${route} ${status}`;
    let entry = counts.get(key);
    if (!entry) {
      entry = { labels: { method, route, status }, count: 0, seconds: 0 };
      counts.set(key, entry);
    }
    entry.count += 1;
    entry.seconds += reply.elapsedTime / 1000;
    done();
  });
  return {
    lines: () => {
      const all = [...counts.values()];
      return [
        ...family(
          "escapement_http_requests_total",
          "counter",
          "Requests answered.",
          all.map(({ labels, count }) => ({ labels, value: count })),
        ),
        ...family(
          "escapement_http_request_seconds_total",
          "counter",
          "Time that requests took, long polls included.",
          all.map(({ labels, seconds }) => ({ labels, value: seconds })),
        ),
      ];
    },
  };
}

/** One metric with its samples. */
export function family(name: string, type: "counter" | "gauge", help: string, samples: Sample[]): string[] {
  if (samples.length === 0) return [];
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`),
  ];
}

function labelText(labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${String(value).replace(/["\\\n]/g, "_")}"`,
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** What one query said of the whole installation, the same on every server. */
export function gaugeLines(gauges: Gauges): string[] {
  const gauge = (name: string, help: string, ...samples: Sample[]) =>
    family(`escapement_${name}`, "gauge", help, samples);
  return [
    ...gauge(
      "runs",
      "Runs that have not ended, by state.",
      { labels: { state: "WAITING" }, value: gauges.waiting },
      { labels: { state: "READY" }, value: gauges.ready },
      { labels: { state: "RUNNING" }, value: gauges.running },
    ),
    ...gauge(
      "runs_last_minute",
      "Runs started and ended in the last minute.",
      { labels: { event: "started" }, value: gauges.started },
      { labels: { event: "succeeded" }, value: gauges.succeeded },
      { labels: { event: "failed" }, value: gauges.failed },
      { labels: { event: "cancelled" }, value: gauges.cancelled },
    ),
    ...gauge("dead_letters", "Runs that failed for good and are kept until they are redriven or discarded.", {
      value: gauges.deadLetters,
    }),
    ...gauge("oldest_ready_seconds", "How long the longest ready run has been ready.", {
      value: gauges.oldestReadySeconds ?? 0,
    }),
    ...gauge("trigger_lag_seconds", "How late the most overdue trigger is.", {
      value: gauges.triggerLagSeconds,
    }),
    ...gauge("executors_online", "Executors heard of lately.", { value: gauges.executorsOnline }),
    ...gauge("servers", "Servers alive on this database.", { value: gauges.servers }),
  ];
}

/** This process. */
export function processLines(parkedPolls: number): string[] {
  const cpu = process.cpuUsage();
  return [
    ...family("escapement_parked_polls", "gauge", "Long polls that wait on this server.", [
      { value: parkedPolls },
    ]),
    ...family("process_cpu_seconds_total", "counter", "CPU time of this process.", [
      { value: (cpu.user + cpu.system) / 1e6 },
    ]),
    ...family("process_resident_memory_bytes", "gauge", "Memory of this process.", [
      { value: process.memoryUsage.rss() },
    ]),
    ...family("process_start_time_seconds", "gauge", "When this process started.", [
      { value: Math.round(Date.now() / 1000 - process.uptime()) },
    ]),
  ];
}
