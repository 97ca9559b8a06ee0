/**
 * Effects that happen exactly once: the task writes into the database that the server works on, and completes its run
 * in the same transaction, so that both commit or neither does.
 *
 *     ESCAPEMENT_URL=http://127.0.0.1:4400 DATABASE_URL=postgres://... npx tsx worker/examples/exactly-once.ts
 *
 * The task `bank.transfer` takes {"from": "a", "to": "b", "amount": 5} and moves money in a table
 * `account (name text primary key, balance int)`; with "receipt": "job" it also starts a run of that job.
 * README.md, "Exactly-once effects", says what the database's role needs and what the errors mean.
 */
import postgres, { type Sql, type TransactionSql } from "postgres";
import { createWorker } from "../index.ts";

interface Transfer {
  from: string;
  to: string;
  amount: number;
  receipt?: string;
}

/** The lease was completed before: an earlier try committed, and its answer was lost. */
const COMPLETED_BEFORE = "S0009";
/** The connection died, or another transaction was in the way: nothing was written by this try, or all of it. */
const TRY_AGAIN = /^(CONNECTION_|ECONN|EPIPE|57P0|08|40001|40P01|S0003)/;
const TRIES = 5;

const sql = postgres(process.env.DATABASE_URL ?? "", { max: 4, onnotice: () => {} });

const worker = createWorker({
  url: process.env.ESCAPEMENT_URL ?? "http://127.0.0.1:4400",
  token: process.env.ESCAPEMENT_TOKEN,
  concurrency: 4,
  handlers: {
    "bank.transfer": async (input: Transfer, { lease }) => {
      const output = { moved: input.amount };
      await once(lease.id, output, async (transaction) => {
        const { from, to, amount, receipt } = input;
        await transaction`update account set balance = balance - ${amount} where name = ${from}`;
        await transaction`update account set balance = balance + ${amount} where name = ${to}`;
        if (receipt !== undefined) {
          await transaction`select escapement.start_run('default', ${receipt}, ${sql.json({ ...input })})`;
        }
      });
      // The worker reports the success once more, which is answered as a repetition.
      return output;
    },
  },
});

/** Runs `effects` and completes the lease in one transaction; after a lost answer again, which finds it done. */
async function once(
  lease: string,
  output: postgres.JSONValue,
  effects: (transaction: TransactionSql) => Promise<void>,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await inTransaction(sql, async (transaction) => {
        const [begun] = await transaction<{ id: string }[]>`select pg_current_xact_id()::text as id`;
        await effects(transaction);
        await transaction`select escapement.complete(${lease}, ${sql.json(output)}, ${begun?.id ?? ""}::xid8)`;
      });
    } catch (error) {
      const code = String((error as { code?: unknown } | null)?.code);
      if (code === COMPLETED_BEFORE) return;
      if (!TRY_AGAIN.test(code) || tries === TRIES) throw error;
    }
  }
}

/**
 * `begin` of postgres.js 3.4.9 keeps going when its connection dies: what follows runs on another one, each statement
 * for itself. This sends nothing more, not even a rollback. Most other drivers need no such care.
 */
async function inTransaction(on: Sql, work: (transaction: TransactionSql) => Promise<void>): Promise<void> {
  let lost = false;
  try {
    await on.begin(async (transaction) => {
      const send = (...statement: unknown[]): unknown => {
        if (lost) throw Object.assign(new Error("the connection was lost"), { code: "CONNECTION_LOST" });
        return (transaction as unknown as (...statement: unknown[]) => unknown)(...statement);
      };
      const failure = await work(Object.assign(send, transaction) as unknown as TransactionSql).then(
        () => null,
        (error: unknown) => ({ error }),
      );
      await new Promise(setImmediate); // until then `begin` has rejected, if the connection is gone
      if (lost) await new Promise(() => {});
      if (failure) throw failure.error;
    });
  } catch (error) {
    lost = true;
    throw error;
  }
}

await worker.start();
process.once("SIGTERM", async () => {
  await worker.stop();
  await sql.end();
});
