#!/usr/bin/env python3
"""Many clients run the whole catalogue at once against one `freshet up`, and heavy queries are stopped meanwhile.

    cargo build --release -p freshet-cli
    python -m venv .venv && .venv/bin/pip install -r tests/scripts/requirements.txt
    .venv/bin/python tests/bench/many_clients.py --freshet target/release/freshet [--clients 64] [--seconds 120] [--rows N] [--lake DIR] [--json]

Each client is a boto3 client of its own, without retries, that runs the catalogue's statements in an order of its own: each query with its examples
as execution parameters, and each view's first rows; it reads every page of every answer. The lake is what `freshet demo` leaves,
or one of `--rows` rows (grown_lake.py), or the one in `--lake`.

It ends with 1 where one of these fails:
- errors: no statement fails, no call is refused, and a statement's answer has as many rows each time;
- memory: resident memory, read each second, does not grow once the first quarter of the time is over: the median of the last fifth of what is left lies
  at most 5 % and 16 MiB above the median of its first fifth;
- stops: a heavy query that is stopped while the clients run says CANCELLED within a second; and at rest, after the clients, the process has
  left the processor within a second of such a stop (in the second second after it, it uses less than a tenth of one).
"""

import argparse
import gc
import json
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter

import endpoint
import grown_lake
from endpoint import Athena, Up

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))

from lake import default_binary

# Billions of rows out of thousands: nobody waits for it.
HEAVY = """SELECT count(*) FROM shopify_order_lines a CROSS JOIN shopify_order_lines b CROSS JOIN shopify_order_lines c
WHERE length(a.event_id) + length(b.event_id) + length(c.event_id) = 7"""
VIEW_ROWS = 1000
SECOND = 1.0


class Load:
    """What the clients share: when to end, and what they found."""

    def __init__(self, lake, statements, clients, seed):
        self.lake, self.statements, self.seed = lake, statements, seed
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.answered = Counter()
        self.seconds = {name: [] for name, _, _ in statements}
        self.rows = {}
        self.errors = Counter()
        self.athenas = [Athena(lake) for _ in range(clients)]

    def client(self, number):
        numbers = random.Random(self.seed + number)
        while not self.over.is_set():
            for name, sql, parameters in numbers.sample(self.statements, len(self.statements)):
                if self.over.is_set():
                    return
                begun = time.monotonic()
                try:
                    _, _, rows = self.athenas[number].run(sql, parameters)
                except Exception as error:  # Whatever it is, it is counted and told.
                    self.fail(f"{name}: {error}")
                    continue
                with self.lock:
                    self.answered[name] += 1
                    self.seconds[name].append(time.monotonic() - begun)
                    expected = self.rows.setdefault(name, len(rows))
                if expected != len(rows):
                    self.fail(f"{name}: {len(rows)} rows, {expected} before")

    def fail(self, message):
        with self.lock:
            self.errors[message[:300]] += 1


def stop_one(athena, load):
    """Starts a heavy query, stops it once it has run for a second; how long the stop took, in seconds."""
    execution = athena.start(HEAVY)
    athena.wait(execution, endpoint.FINAL | {"RUNNING"})
    time.sleep(SECOND)
    begun = time.monotonic()
    athena.stop(execution)
    state = athena.wait(execution)["Status"]["State"]
    took = time.monotonic() - begun
    if state != "CANCELLED":
        load.fail(f"a query that was stopped is {state}")
    return took


def busy_after_stop(up, athena, load):
    """The share of one processor that is used in the second second after a heavy query was stopped, with nothing else to do."""
    before = up.processor_seconds()
    stop_one(athena, load)
    if up.processor_seconds() - before < SECOND / 2:
        load.fail("the heavy query was not at work when it was stopped")
    time.sleep(SECOND)
    before = up.processor_seconds()
    time.sleep(SECOND)
    return up.processor_seconds() - before


def judged_memory(samples, seconds):
    """The medians of the first and the last fifth of what was sampled after the warm-up, in MiB, and whether that is no growth."""
    warm = [mib for at, mib in samples if at >= seconds / 4]
    fifth = max(1, len(warm) // 5)
    first, last = statistics.median(warm[:fifth]), statistics.median(warm[-fifth:])
    return first, last, last <= first * 1.05 + 16


def run(up, arguments, say):
    lake = up.lake
    statements = endpoint.statements(lake, VIEW_ROWS)
    load = Load(lake, statements, arguments.clients, arguments.seed)
    watcher = Athena(lake)
    # The clients' models are many objects: to look through them all stops every client for seconds, a stop that is timed among them.
    gc.collect()
    gc.freeze()
    idle = up.resident()
    threads = [threading.Thread(target=load.client, args=(number,), daemon=True) for number in range(arguments.clients)]
    begun = time.monotonic()
    samples, stops = [], []

    def stop_now_and_then():
        while not load.over.wait(arguments.seconds / 12):
            try:
                stops.append(stop_one(watcher, load))
            except Exception as error:
                load.fail(f"stopping a query: {error}")

    threads.append(threading.Thread(target=stop_now_and_then, daemon=True))
    for thread in threads:
        thread.start()
    while (at := time.monotonic() - begun) < arguments.seconds:
        samples.append((at, up.resident()))
        if len(samples) % 10 == 1:
            say(f"{at:5.0f} s  {sum(load.answered.values()):6} answers  {sum(load.errors.values())} errors  {samples[-1][1]:.0f} MiB", flush=True)
        time.sleep(1)
    answered = sum(load.answered.values())
    load.over.set()
    for thread in threads:
        thread.join(timeout=600)
    busy = busy_after_stop(up, watcher, load)
    first, last, is_level = judged_memory(samples, arguments.seconds)
    every = sorted(second for seconds in load.seconds.values() for second in seconds)
    never = [name for name, _, _ in statements if not load.answered[name]]
    if never:
        load.fail(f"never answered: {', '.join(never)}")
    return {
        "clients": arguments.clients,
        "statements": len(statements),
        "seconds": arguments.seconds,
        "answers": answered,
        "queries_a_second": round(answered / arguments.seconds, 2),
        "median_seconds": round(statistics.median(every), 3) if every else None,
        "worst_seconds": round(every[-1], 3) if every else None,
        "errors": dict(load.errors),
        "mib_idle": round(idle),
        "mib_after_warm_up": round(first),
        "mib_at_the_end": round(last),
        "mib_most": round(max(mib for _, mib in samples)),
        "memory_is_level": is_level,
        "stops": [round(stop, 3) for stop in stops],
        "processor_after_stop": round(busy, 3),
        "holds": not load.errors and is_level and bool(stops) and max(stops) <= SECOND and busy < 0.1,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freshet", default=default_binary(), help="the built command")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--rows", type=int, default=0, help="grows the demo's lake to so many rows; 0 leaves it as it is")
    parser.add_argument("--lake", help="a lake that is there already")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="prints the figures as JSON")
    arguments = parser.parse_args()
    # With --json nothing else goes to the output.
    say = (lambda *_, **__: None) if arguments.json else print
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.lake or grown_lake.grow(arguments.freshet, pathlib.Path(scratch) / "lake", arguments.rows, say)
        with Up(arguments.freshet, folder) as up:
            figures = run(up, arguments, say)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<22} {value}")
    return 0 if figures["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
