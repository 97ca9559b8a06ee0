#!/usr/bin/env python3
"""Effects that happen exactly once: the task writes into the database that the server works on, and completes its run
in the same transaction, so that both commit or neither does. It needs psycopg2 (Debian: python3-psycopg2).

    ESCAPEMENT_URL=http://127.0.0.1:4400 DATABASE_URL=postgres://... python3 worker/examples/exactly_once.py

The task `bank.transfer` takes {"from": "a", "to": "b", "amount": 5} and moves money in a table
`account (name text primary key, balance int)`; with "receipt": "job" it also starts a run of that job.
README.md, "Exactly-once effects", says what the database's role needs and what the errors mean.
"""

import json
import os

import psycopg2

from worker import Worker, task

COMPLETED_BEFORE = "S0009"  # an earlier try committed, and its answer was lost
SERIALIZATION_FAILURE, DEADLOCK, OTHER_TRANSACTION = "40001", "40P01", "S0003"
TRIES = 5


@task("bank.transfer")
def transfer(run, given):
    def effects(cursor):
        cursor.execute("update account set balance = balance - %(amount)s where name = %(from)s", given)
        cursor.execute("update account set balance = balance + %(amount)s where name = %(to)s", given)
        if "receipt" in given:
            cursor.execute("select escapement.start_run('default', %s, %s)", (given["receipt"], json.dumps(given)))

    output = {"moved": given["amount"]}
    once(run.lease["id"], output, effects)
    return output  # the worker reports the success once more, which is answered as a repetition


def once(lease, output, effects):
    """Runs effects and completes the lease in one transaction; after a lost answer again, which finds it done."""
    for tries in range(1, TRIES + 1):
        connection = psycopg2.connect(os.environ["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:  # commits at the end, rolls back on an exception
                cursor.execute("select pg_current_xact_id()::text")
                (begun,) = cursor.fetchone()
                effects(cursor)
                cursor.execute("select escapement.complete(%s, %s, %s::xid8)", (lease, json.dumps(output), begun))
            return
        except psycopg2.Error as error:
            if error.pgcode == COMPLETED_BEFORE:
                return
            # Without a code the connection died: nothing was written by this try, or all of it.
            again = error.pgcode in (None, SERIALIZATION_FAILURE, DEADLOCK, OTHER_TRANSACTION) or (
                error.pgcode.startswith(("08", "57P0"))
            )
            if not again or tries == TRIES:
                raise
        finally:
            connection.close()


if __name__ == "__main__":
    Worker().main()
