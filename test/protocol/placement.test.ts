/** Runs for certain executors over HTTP: the right parked poll wakes, and only that one. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServer, type TestServer } from "../support/server.ts";
import { ask, client, type Sent, send, type TestLease, until } from "./raw.ts";

let server: TestServer;
let api: ReturnType<typeof client>;

beforeAll(async () => {
  server = await startServer();
  api = client(server);
  await server.graphql(`mutation { createJob(input: { name: "a", type: "type.a" }) { name } }`);
});
afterAll(() => server.close());

const park = (claim: Record<string, unknown>, url = server.url): Sent =>
  send(url, "POST", "/v1/leases", { body: { waitSeconds: 30, ...claim } });
const runsOf = async (sent: Sent) => ((await sent.answer).json().leases as TestLease[]).map(({ run }) => run);
const parkedIs = (count: number) =>
  until(
    async () =>
      Number(
        /^escapement_parked_polls (\d+)$/m.exec((await ask(server.url, "GET", "/metrics")).text)?.[1],
      ) === count,
    `${count} polls are parked`,
  );
const start = async (run: Record<string, unknown>): Promise<string> => {
  const answer = await api.call("POST", "/v1/runs", { runs: [{ job: "a", ...run }] });
  expect(answer.status).toBe(201);
  return (answer.json().runs as { id: string }[])[0]?.id ?? "";
};

test("a run for one executor wakes its parked poll, however many others wait longer", async () => {
  const others = [park({ executor: "one" }), park({ executor: "two", types: ["type.a"] })];
  await parkedIs(2);
  const mine = park({ executor: "three", types: ["type.a"] });
  await parkedIs(3);
  const run = await start({ executor: "three" });
  expect(await runsOf(mine)).toEqual([run]);
  await parkedIs(2);
  const rest = [await start({ executor: "two" }), await start({ executor: "one" })];
  expect([...(await runsOf(others[1] as Sent)), ...(await runsOf(others[0] as Sent))]).toEqual(rest);
});

test("a run that requires labels wakes the poll of an executor that registered them", async () => {
  await api.call("PUT", "/v1/executors/big", { groups: ["default"], labels: { gpu: "a100" } });
  const small = park({ executor: "small" });
  await parkedIs(1);
  const big = park({ executor: "big" });
  await parkedIs(2);
  const run = await start({ requires: { gpu: "a100" } });
  expect(await runsOf(big)).toEqual([run]);
  await parkedIs(1);
  const any = await start({});
  expect(await runsOf(small)).toEqual([any]);
});

test("what cannot be an executor or a label is refused by its field", async () => {
  const refused = async (run: Record<string, unknown>) => {
    const answer = await api.call("POST", "/v1/runs", { runs: [{ job: "a", ...run }] });
    const { code, field } = answer.json();
    return [answer.status, code, field];
  };
  expect(await refused({ executor: "no blanks" })).toEqual([400, "bad_input", "runs[0].executor"]);
  expect(await refused({ requires: { gpu: "\u0007" } })).toEqual([400, "bad_input", "runs[0].requires.gpu"]);
  expect((await refused({ requires: { gpu: 1 } }))[0]).toBe(400);
});
