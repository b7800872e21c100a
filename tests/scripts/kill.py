#!/usr/bin/env python3
"""Kills `freshet up` at random moments while deliveries come in, and looks for what was lost or doubled.

    python tests/scripts/kill.py --deliveries 100000 --kills 20 --seed 7

A simulated shop, support desk and game send signed deliveries over HTTP: each until it is answered 2xx, as providers
do; some of them again, with other header ids and their keys in another order; and some are given up after an unclear
answer. Between the deliveries `freshet up` gets SIGKILL and is started again on the same folder. In the end the stream is
flushed, the landing zone compacted, and every event looked up:

- what was answered 2xx is in its table exactly once,
- what was never answered is there once or not at all,
- nothing else is there.

Ends with 1 where that does not hold. The same seed sends the same deliveries, but for their times, and kills when as many are
answered: anywhere along the run.
"""

import argparse
import base64
import collections
import dataclasses
import datetime
import hashlib
import hmac
import http.client
import json
import pathlib
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

from lake import Failed, Lake, default_binary, exported

SECRETS = {
    "shopify": "shop-secret-of-the-kill-script",
    "zendesk": "desk-secret-of-the-kill-script",
    "game": "whsec_" + base64.b64encode(b"game-secret-of-the-kill-script").decode(),
}
# Where each source's events land, and the column that holds what `Event.key` says.
TABLES = {
    "shopify": ("shopify_orders", "order_id"),
    "zendesk": ("zendesk_ticket_events", "provider_event_id"),
    "game": ("game_events", "provider_event_id"),
}
START_TIMEOUT = 120
REQUEST_TIMEOUT = 10
ATTEMPTS = 10_000


# --- deliveries ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Delivery:
    """A body with one or more events, and what became of it."""

    source: str
    keys: list
    body: dict
    repeats: int = 0
    gives_up: bool = False
    acknowledged: bool = False
    tried: bool = False


def deliveries(count, random_numbers):
    """Deliveries of three sources, each event with a key of its own."""
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=6)
    made = []
    for index in range(count):
        at = (start + datetime.timedelta(milliseconds=index * 50)).strftime("%Y-%m-%dT%H:%M:%SZ")
        source = random_numbers.choices(["shopify", "zendesk", "game"], [6, 2, 2])[0]
        delivery = {"shopify": order, "zendesk": ticket, "game": session}[source](index, at, random_numbers)
        fate = random_numbers.random()
        delivery.repeats = 1 + (fate < 0.05) if fate < 0.2 else 0
        delivery.gives_up = fate > 0.97
        made.append(delivery)
    return made


def order(index, at, random_numbers):
    key = str(5_000_000_000_000_000_000 + index)
    price = f"{random_numbers.randrange(100, 50_000) / 100:.2f}"
    line = {"id": index + 1, "title": "Lamp", "quantity": random_numbers.randrange(1, 4), "price": price}
    body = {"id": int(key), "name": f"#{index}", "created_at": at, "updated_at": at, "processed_at": at, "currency": "EUR"}
    return Delivery("shopify", [key], body | {"total_price": price, "test": False, "line_items": [line]})


def ticket(index, at, _random_numbers):
    key = f"01KILL{index:020d}"
    detail = {"id": str(index), "subject": "Where is it?", "status": "OPEN", "updated_at": at, "requester_id": "7"}
    body = {"id": key, "type": "zen:event-type:ticket.status_changed", "account_id": 42, "time": at, "detail": detail}
    return Delivery("zendesk", [key], body | {"event": {"previous": "NEW", "current": "OPEN"}})


def session(index, at, random_numbers):
    keys = [f"g-{index}-{place}" for place in range(random_numbers.randrange(1, 6))]
    events = [
        {"event_id": key, "name": "session_start", "player_id": f"p{index}", "timestamp": at, "platform": "pc", "score": place}
        for place, key in enumerate(keys)
    ]
    return Delivery("game", keys, {"events": events})


def signed(delivery, random_numbers):
    """The bytes and headers of one attempt: other ids and another order of keys each time."""
    items = list(delivery.body.items())
    random_numbers.shuffle(items)
    body = json.dumps(dict(items), ensure_ascii=False).encode()
    secret, attempt = SECRETS[delivery.source], str(uuid.UUID(int=random_numbers.getrandbits(128), version=4))
    headers = {"Content-Type": "application/json"}
    if delivery.source == "shopify":
        headers |= {
            "X-Shopify-Hmac-Sha256": mac(secret.encode(), body),
            "X-Shopify-Topic": "orders/updated",
            "X-Shopify-Shop-Domain": "kill.myshopify.com",
            "X-Shopify-Webhook-Id": attempt,
        }
    elif delivery.source == "zendesk":
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        headers |= {
            "X-Zendesk-Webhook-Signature": mac(secret.encode(), at.encode() + body),
            "X-Zendesk-Webhook-Signature-Timestamp": at,
            "X-Zendesk-Account-Id": "42",
            "X-Zendesk-Webhook-Invocation-Id": attempt,
        }
    else:
        at = str(int(time.time()))
        key = base64.b64decode(secret.removeprefix("whsec_"))
        headers |= {
            "webhook-id": f"msg_{attempt}",
            "webhook-timestamp": at,
            "webhook-signature": "v1," + mac(key, f"msg_{attempt}.{at}.".encode() + body),
            "x-game": "kill",
        }
    return body, headers


def mac(key, message):
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


# --- the process -----------------------------------------------------------------------------------------------------


class Up:
    """A `freshet up` that can be killed and started again on the same folder."""

    def __init__(self, binary, folder, arguments):
        self.command = [str(binary.resolve()), "up", "--dir", str(folder), "--port", "0", "--webhook-port", "0"]
        for source, secret in SECRETS.items():
            self.command += ["--secret", f"{source}={secret}"]
        self.command += ["--flush-seconds", str(arguments.flush_seconds), "--compact-seconds", str(arguments.compact_seconds)]
        self.log = open(folder.parent / "up.log", "ab")
        self.process = None
        self.variables = {}
        self.ready = threading.Event()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        overdue = threading.Timer(START_TIMEOUT, self.process.kill)
        overdue.start()
        variables = {}
        for line in self.process.stdout:
            if line.strip() == "ready":
                break
            pair = exported(line)
            if pair:
                variables[pair[0]] = pair[1]
        else:
            overdue.cancel()
            sys.exit(f"`freshet up` ended before it was ready: see {self.log.name}")
        overdue.cancel()
        # What it prints later is read too, so that it never waits for a full pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.variables = variables
        self.ready.set()

    def address(self, source):
        url = self.variables["FRESHET_WEBHOOK_URL"].rstrip("/").removesuffix("/webhooks")
        parts = urllib.parse.urlsplit(url)
        return parts.hostname, parts.port, f"{parts.path}/webhooks/{source}"

    def kill(self):
        self.ready.clear()
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.ready.clear()
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=START_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit("`freshet up` did not drain after SIGINT")


# --- sending ---------------------------------------------------------------------------------------------------------


class Senders:
    """Threads that deliver until everything is answered or given up."""

    def __init__(self, up, made, threads, seed):
        self.up, self.waiting, self.counts, self.lock = up, queue.SimpleQueue(), collections.Counter(), threading.Lock()
        self.refused = []
        for delivery in made:
            self.waiting.put(delivery)
        self.threads = [threading.Thread(target=self.work, args=(seed + index,), daemon=True) for index in range(threads)]
        for thread in self.threads:
            thread.start()

    def alive(self):
        return any(thread.is_alive() for thread in self.threads)

    def work(self, seed):
        random_numbers, connection, port = random.Random(seed), None, None
        while True:
            try:
                delivery = self.waiting.get_nowait()
            except queue.Empty:
                return
            for _ in range(1 + delivery.repeats):
                for _ in range(ATTEMPTS):
                    self.up.ready.wait()
                    host, current, path = self.up.address(delivery.source)
                    if connection is None or current != port:
                        connection, port = http.client.HTTPConnection(host, current, timeout=REQUEST_TIMEOUT), current
                    status = self.attempt(connection, path, delivery, random_numbers)
                    if status is None:
                        connection = None
                    if status is not None and 200 <= status < 300:
                        delivery.acknowledged = True
                        break
                    if status is not None and 400 <= status < 500:
                        with self.lock:
                            self.refused.append((delivery.source, delivery.keys[0], status))
                        break
                    if delivery.gives_up and not delivery.acknowledged:
                        break
                    time.sleep(0.05)

    def attempt(self, connection, path, delivery, random_numbers):
        """The status of one attempt; None where there was no answer."""
        body, headers = signed(delivery, random_numbers)
        delivery.tried, status = True, None
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            response.read()
            status = response.status
        except (OSError, http.client.HTTPException):
            connection.close()
        with self.lock:
            self.counts["no answer" if status is None else str(status)] += 1
        return status


# --- judging ---------------------------------------------------------------------------------------------------------


def drain(lake, most_runs=50):
    """Flushes the stream, and compacts until a run changes nothing any more."""
    before = None
    for _ in range(most_runs):
        lake.command("flush")
        lake.command("compact")
        now = {table["name"]: table["rows"] for table in lake.tables() if table["name"] != "pipeline_counts"}
        if now == before:
            return
        before = now
    sys.exit(f"the tables still change after {most_runs} compactions")


def judge(lake, made):
    """What was lost, doubled or never sent, as (kind, source, key)."""
    faults = []
    for source, (table, column) in TABLES.items():
        where = "account = 'kill.myshopify.com'" if source == "shopify" else f"source = '{source}'"
        found = lake.rows(f"SELECT {column} AS k, count(*) AS n FROM {table} WHERE {where} GROUP BY {column}")
        counts = {row["k"]: row["n"] for row in found}
        mine = [delivery for delivery in made if delivery.source == source]
        for delivery in mine:
            for key in delivery.keys:
                count = counts.pop(key, 0)
                if count == 0 and delivery.acknowledged:
                    faults.append(("lost", source, key))
                elif count > 1:
                    faults.append((f"{count} times", source, key))
                elif count == 1 and not delivery.tried:
                    faults.append(("never sent", source, key))
        faults += [("foreign", source, key) for key in counts]
        events = sum(len(delivery.keys) for delivery in mine)
        print(f"{table:<24} {sum(row['n'] for row in found):>9} rows of {events} events", flush=True)
    rejected = lake.rows("SELECT reason, count(*) AS n FROM rejected_events GROUP BY reason")
    faults += [("rejected", row["reason"], str(row["n"])) for row in rejected]
    return faults


def acknowledged(made):
    return sum(delivery.acknowledged for delivery in made)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deliveries", type=int, default=100_000, help="how many (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=10, help="how often it is killed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=8, help="senders at once (default: %(default)s)")
    parser.add_argument("--flush-seconds", type=int, default=2)
    parser.add_argument("--compact-seconds", type=int, default=3)
    parser.add_argument("--dir", type=pathlib.Path, help="an empty folder for the lake, which is kept (default: a temporary one, removed when all is well)")
    parser.add_argument("--freshet", type=pathlib.Path, default=default_binary(), help="the command (default: %(default)s)")
    arguments = parser.parse_args()
    if not arguments.freshet.exists():
        parser.error(f"{arguments.freshet} is missing: build it, or say where it is with --freshet")
    home = arguments.dir or pathlib.Path(tempfile.mkdtemp(prefix="freshet-kill-"))
    folder = home / "lake"
    folder.mkdir(parents=True)

    random_numbers = random.Random(arguments.seed)
    made = deliveries(arguments.deliveries, random_numbers)
    up, began = Up(arguments.freshet, folder, arguments), time.monotonic()
    up.start()
    senders, kills = Senders(up, made, arguments.threads, arguments.seed * 1000), 0
    try:
        for moment in sorted(random_numbers.uniform(0, 0.95) for _ in range(arguments.kills)):
            while senders.alive() and acknowledged(made) < moment * len(made):
                time.sleep(0.1)
            time.sleep(random_numbers.uniform(0, 0.5))
            if not senders.alive():
                break
            up.kill()
            kills += 1
            print(f"kill {kills}: {acknowledged(made)} of {len(made)} acknowledged", flush=True)
            up.start()
        for thread in senders.threads:
            thread.join()
        sent = time.monotonic() - began
        # The last kill comes when everything is answered: what was answered last must be there too.
        up.kill()
        up.start()
        lake = Lake(arguments.freshet, up.variables)
        drain(lake)
        faults = judge(lake, made)
        up.stop()
    except Failed as error:
        up.kill()
        sys.exit(f"{error}\nthe lake and up.log are in {home}")
    except BaseException:
        up.process.kill()
        raise

    answers = ", ".join(f"{count} × {answer}" for answer, count in sorted(senders.counts.items()))
    print(f"{len(made)} deliveries in {sent:.0f} s, {kills + 1} kills; answers: {answers}")
    if kills < arguments.kills:
        print(f"only {kills} of {arguments.kills} kills came before everything was answered: send more")
    faults += [(f"refused with {status}", source, key) for source, key, status in senders.refused]
    for fault in faults[:20]:
        print("FAULT", *fault)
    if faults:
        print(f"{len(faults)} faults; the lake and up.log are in {home}")
        return 1
    print("nothing lost, nothing double")
    if not arguments.dir:
        shutil.rmtree(home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
