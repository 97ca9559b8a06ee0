/** Workflows on a test's engine: made, started, worked off by whoever the test says, and looked at. */
import type { NodeInput, WorkflowInput } from "../../server/core/workflow/check.ts";
import { stateOf } from "../../server/core/workflow/state.ts";
import type { ClaimedLease, StartItem } from "../../server/engine/engine.ts";
import { createJob, type JobPatch } from "../../server/store/job-changes.ts";
import type { TestEngine } from "./engine.ts";

/** What a worker answers: an output, nothing, or an error. */
export type Answer = { output?: unknown } | { error: string } | undefined;

export interface Workflows {
  /** Its nodes are of type "t" and are not tried again, unless they say otherwise. */
  make(name: string, nodes: NodeInput[], workflow?: Partial<WorkflowInput>, job?: JobPatch): Promise<void>;
  /** Starts it and takes it; returns the run's id. */
  start(name: string, input?: unknown, item?: Partial<StartItem>): Promise<string>;
  /** Works until nothing is ready any more; returns the keys, or types, in the order they were claimed. */
  work(answer?: (key: string, lease: ClaimedLease) => Answer): Promise<string[]>;
  /** Takes one run that is ready. */
  claim(): Promise<ClaimedLease>;
  settle(lease: ClaimedLease, answer?: Answer): Promise<void>;
  /** The nodes' states, by key. */
  states(runId: string): Promise<Record<string, string>>;
  run(
    runId: string,
  ): Promise<{ state: string; output: unknown; error: { message: string; type?: string } | null }>;
  /** Node runs by key, the newest if there are several. */
  nodeRun(
    runId: string,
    key: string,
  ): Promise<{
    id: string;
    state: string;
    input: unknown;
    output: unknown;
    error: { message: string } | null;
  }>;
}

export const node = (key: string, after: string[] = [], more: Partial<NodeInput> = {}): NodeInput => ({
  key,
  after,
  type: "t",
  retry: more.type === undefined || more.type === "t" ? { off: true } : null,
  ...more,
});

/** A node of the control plane's own. */
export const own = (
  key: string,
  after: string[],
  type: string,
  input?: unknown,
  more: Partial<NodeInput> = {},
): NodeInput => ({
  key,
  after,
  type,
  input: input === undefined ? null : JSON.stringify(input),
  ...more,
});

export function workflowsOn(t: TestEngine): Workflows {
  const { sql, context, engine } = t;
  const parse = (json: string | null): unknown => (json === null ? null : JSON.parse(json));
  const keyOf = (lease: ClaimedLease): string => lease.job.split("#")[1] ?? lease.job;
  const settle = async (lease: ClaimedLease, answer: Answer): Promise<void> => {
    await engine.settle([
      answer && "error" in answer
        ? { leaseId: lease.leaseId, outcome: "failed", error: { message: answer.error } }
        : {
            leaseId: lease.leaseId,
            outcome: "succeeded",
            output: answer?.output === undefined ? null : JSON.stringify(answer.output),
          },
    ]);
    await engine.conductReady();
  };
  return {
    async make(name, nodes, workflow = {}, job = {}) {
      const definitions = { sql: context.sql, catalog: context.catalog, channel: context.channel };
      await createJob(definitions, 1, { name, workflow: { nodes, ...workflow }, ...job });
    },
    async start(name, input, item = {}) {
      const [run] = await engine.start([
        {
          namespace: "default",
          job: name,
          input: input === undefined ? null : JSON.stringify(input),
          ...item,
        },
      ]);
      await engine.conductReady();
      return run?.id ?? "";
    },
    async work(answer = () => undefined) {
      const worked: string[] = [];
      for (let leases = await t.claim(1); leases.length > 0; leases = await t.claim(1)) {
        const [lease] = leases as [ClaimedLease];
        worked.push(keyOf(lease));
        await settle(lease, answer(keyOf(lease), lease));
      }
      return worked;
    },
    async claim() {
      const [lease] = await t.claim(1);
      if (!lease) throw new Error("nothing is ready");
      return lease;
    },
    settle,
    async states(runId) {
      const [row] = await sql<{ states: string; workflow: string }[]>`
        select w.states, v.workflow from escapement.workflow_run w join escapement.run r on r.id = w.run_id
        join escapement.job_version v on v.id = r.version_id where w.run_id = ${runId}`;
      const { nodes } = JSON.parse(row?.workflow ?? '{"nodes": []}') as { nodes: { key: string }[] };
      return Object.fromEntries(nodes.map(({ key }, at) => [key, stateOf(row?.states.charAt(at) ?? "P")]));
    },
    async run(runId) {
      const [row] = await sql<{ state: string; output: string | null; error: string | null }[]>`
        select state, output, error from escapement.run where id = ${runId}`;
      return {
        state: row?.state ?? "",
        output: parse(row?.output ?? null),
        error: parse(row?.error ?? null) as { message: string } | null,
      };
    },
    async nodeRun(runId, key) {
      const [row] = await sql<
        { id: string; state: string; input: string | null; output: string | null; error: string | null }[]
      >`
        select r.id, r.state, case when r.payload = 0 then r.input else p.json end as input, r.output, r.error
        from escapement.run r join escapement.job j on j.id = r.job_id left join escapement.payload p on p.run_id = r.id
        where r.parent_id = ${runId} and j.node = ${key} order by r.id desc limit 1`;
      if (!row) throw new Error(`node ${key} was not run`);
      const { id, state } = row;
      return {
        id,
        state,
        input: parse(row.input),
        output: parse(row.output),
        error: parse(row.error) as { message: string } | null,
      };
    },
  };
}
