#!/usr/bin/env python3
"""A worker in Python, with nothing but the standard library.

    ESCAPEMENT_URL=http://127.0.0.1:4400 ESCAPEMENT_TOKEN=... python3 worker/examples/worker.py

ESCAPEMENT_CONCURRENCY says how many runs it works on at once (default 4). It stops on SIGTERM and Ctrl-C: no new runs,
twenty seconds for those at work, the rest is given back. To add a task, write a function and put @task above it.
"""

import json
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
import uuid

URL = os.environ.get("ESCAPEMENT_URL", "http://127.0.0.1:4400").rstrip("/") + "/v1"
TOKEN = os.environ.get("ESCAPEMENT_TOKEN")
CONCURRENCY = int(os.environ.get("ESCAPEMENT_CONCURRENCY", "4"))
EXECUTOR = f"py-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
WAIT_SECONDS = 30
DRAIN_SECONDS = 20

tasks = {}


def task(name):
    """Registers a function as the handler of a task type."""

    def register(function):
        tasks[name] = function
        return function

    return register


@task("py.hello")
def hello(run, given):
    run.log(f"hello from Python {sys.version.split()[0]}")
    return {"greeting": f"hello, {given if isinstance(given, str) else 'world'}"}


@task("py.count")
def count(run, given):
    """Counts the words of a text, one line at a time."""
    if not isinstance(given, str):
        raise DoNotRetry("the input must be a string")
    lines, words = given.splitlines(), 0
    for number, line in enumerate(lines, 1):
        run.stop_if_asked()
        words += len(line.split())
        run.log(f"{number}: {words} words so far")
        run.progress(number / len(lines), f"line {number} of {len(lines)}")
    return {"words": words}


@task("py.sleep")
def sleep(run, seconds):
    run.log(f"sleeping for {seconds} s")
    run.asked_to_stop.wait(seconds)
    run.stop_if_asked()
    return {"slept": seconds}


class DoNotRetry(Exception):
    """Raised by a task when another attempt cannot go better."""


class Stopped(Exception):
    """Raised in a task whose run was cancelled, lost, or has to be given back."""


class Refused(Exception):
    """The server's no; code is stable, see worker/PROTOCOL.md."""

    def __init__(self, status, problem):
        super().__init__(problem.get("detail") or problem.get("title") or f"status {status}")
        self.code = problem.get("code", "unknown")


def call(method, path, body=None, content_type="application/json", answer_seconds=15):
    """Calls the server until it answers, with growing and jittered pauses. Raises Refused."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"Content-Type": content_type, **({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})}
    for failures in range(1_000_000):
        try:
            request = urllib.request.Request(URL + path, data, headers, method=method)
            with urllib.request.urlopen(request, timeout=answer_seconds) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in (401, 403, 408, 425, 429):
                raise Refused(error.code, read_problem(error)) from None
            asked, trouble = float(error.headers.get("Retry-After") or 0), f"status {error.code}"
        except (OSError, ValueError, urllib.error.URLError) as error:
            asked, trouble = 0, str(error)
        if failures == 0:
            print(f"no usable answer from the server, trying on: {trouble}", file=sys.stderr)
        time.sleep(asked + random.uniform(0, min(5, 0.1 * 2 ** min(failures, 10))))


def read_problem(error):
    try:
        problem = json.loads(error.read())
        return problem if isinstance(problem, dict) else {}
    except ValueError:
        return {}


class Run:
    """One lease at work, and what a task may do with it."""

    def __init__(self, lease):
        self.lease = lease
        self.path = f"/leases/{urllib.parse.quote(lease['id'], safe='')}"
        self.asked_to_stop = threading.Event()
        self.settling = False

    def log(self, line):
        self._tell("/logs", (line + "\n").encode(), "text/plain; charset=utf-8")

    def progress(self, fraction, message=None):
        body = {"progress": fraction, **({"message": message} if message else {})}
        if self._tell("/heartbeat", body)["cancel"]:
            self.asked_to_stop.set()

    def put_file(self, name, data):
        call("PUT", f"{self.path}/files/{urllib.parse.quote(name, safe='')}", data, "application/octet-stream")

    def stop_if_asked(self):
        if self.asked_to_stop.is_set():
            raise Stopped()

    def _tell(self, path, body, content_type="application/json"):
        try:
            return call("POST", self.path + path, body, content_type)
        except Refused as refusal:
            if refusal.code != "lease_lost":
                raise
            self.asked_to_stop.set()
            raise Stopped() from None

    def work(self):
        """Runs the task and settles the lease, whatever happens."""
        deadline = None
        if self.lease["timeoutSeconds"] is not None:
            deadline = threading.Timer(self.lease["timeoutSeconds"], self.asked_to_stop.set)
            deadline.daemon = True
            deadline.start()
        try:
            output = tasks[self.lease["type"]](self, self.lease.get("input"))
            self._settle("/complete", {"output": output})
        except Stopped:
            self._settle("/fail", {"error": {"message": "the task was asked to stop", "type": "Stopped"}})
        except Exception as error:  # a task may raise anything
            failure = {"message": str(error)[:10_000] or "no message", "type": type(error).__name__[:200]}
            failure["stack"] = traceback.format_exc()[-50_000:]
            settled = {"error": failure, **({"retry": False} if isinstance(error, DoNotRetry) else {})}
            self._settle("/fail", settled)
        finally:
            if deadline:
                deadline.cancel()

    def _settle(self, path, body):
        self.settling = True
        try:
            call("POST", self.path + path, body)
        except Refused as refusal:
            if refusal.code == "lease_lost":
                return
            if path != "/complete":
                raise
            # An output that the server does not take fails its run.
            self._settle("/fail", {"error": {"message": f"output refused: {refusal}"}, "retry": False})


class Worker:
    def __init__(self):
        self.held = {}  # lease id → Run; every one of them is named in heartbeats
        self.changed = threading.Condition()
        self.lease_seconds = 30

    def main(self):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end the poll at once
        me = f"/executors/{urllib.parse.quote(EXECUTOR, safe='')}"
        threading.Thread(target=self.beat, daemon=True).start()
        try:
            call("PUT", me, {"groups": ["default"], "types": list(tasks), "capacity": CONCURRENCY})
            print(f"worker {EXECUTOR} is ready for runs", file=sys.stderr)
            while True:
                self.poll()
        except KeyboardInterrupt:
            print("draining; once more to stop at once", file=sys.stderr)
        with self.changed:
            self.changed.wait_for(lambda: not self.held, DRAIN_SECONDS)
        give_up = threading.Timer(5, os._exit, [1])  # the server may be away as well
        give_up.daemon = True
        give_up.start()
        call("DELETE", me)  # whatever is still at work is given back, at no cost of an attempt

    def poll(self):
        with self.changed:
            self.changed.wait_for(lambda: len(self.held) < CONCURRENCY)
            free = CONCURRENCY - len(self.held)
        claim = {"executor": EXECUTOR, "types": list(tasks), "max": free, "waitSeconds": WAIT_SECONDS}
        claim["requestId"] = uuid.uuid4().hex  # a repeated call gets the leases whose answer was lost
        for lease in call("POST", "/leases", claim, answer_seconds=WAIT_SECONDS + 10)["leases"]:
            run = Run(lease)
            self.lease_seconds = min(self.lease_seconds, lease["leaseSeconds"])
            with self.changed:
                self.held[lease["id"]] = run
            threading.Thread(target=self.work, args=(run,), daemon=True).start()

    def work(self, run):
        try:
            run.work()
        except Refused as refusal:
            print(f"run {run.lease['run']}: {refusal}", file=sys.stderr)
        finally:
            with self.changed:
                del self.held[run.lease["id"]]
                self.changed.notify_all()

    def beat(self):
        while True:
            time.sleep(self.lease_seconds / 3)
            with self.changed:
                leases = list(self.held)
            answer = call("POST", "/heartbeat", {"executor": EXECUTOR, "leases": leases})
            for beat in answer["leases"]:
                run = self.held.get(beat["lease"])
                if run and not run.settling and (beat["cancel"] or beat["status"] == "lost"):
                    run.asked_to_stop.set()


if __name__ == "__main__":
    Worker().main()
