"""Steps of a client that no one here wrote: each prints OK, REFUSED or FAILED, and the end is 1 where any failed.

Where the lake is stands in the variables that `freshet up` prints. `ONLY=word,word` runs the steps with one of the
words in their names, `TRACE=1` prints where a step failed.
"""

import os
import sys
import time
import traceback

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
REGION = os.environ.get("AWS_REGION", "us-east-1")
LAKE = os.environ["FRESHET_DATABASE"]
BUCKET = os.environ["FRESHET_BUCKET"]

passed, failed = 0, []
words = os.environ.get("ONLY", "").split(",")


def step(name):
    """Runs the function as a step. What it returns is printed."""

    def run(function):
        global passed
        if not any(word in name for word in words):
            return
        began = time.monotonic()
        try:
            answer = function()
            passed += 1
            print(f"OK      {name} ({time.monotonic() - began:.1f}s)" + (f": {answer}" if answer is not None else ""), flush=True)
        except Exception as error:  # noqa: BLE001, a step may fail in any way
            failed.append(name)
            print(f"FAILED  {name}: {type(error).__name__}: {str(error)[:600]}", flush=True)
            if os.environ.get("TRACE"):
                traceback.print_exc()

    return run


def refused(name, *expected):
    """Runs the function as a step that must be refused in these words."""

    def run(function):
        global passed
        if not any(word in name for word in words):
            return
        try:
            answer = function()
        except Exception as error:  # noqa: BLE001, clients wrap refusals in errors of their own
            message = str(error)
            absent = [word for word in expected if word.lower() not in message.lower()]
            if absent:
                failed.append(name)
                print(f"FAILED  {name}: the refusal does not say {absent}: {type(error).__name__}: {message[:600]}", flush=True)
                if os.environ.get("TRACE"):
                    traceback.print_exc()
            else:
                passed += 1
                print(f"REFUSED {name}: {message[:200]}", flush=True)
            return
        failed.append(name)
        print(f"FAILED  {name}: it is not refused: {answer!r}", flush=True)

    return run


def same(what, found, expected):
    """Raises unless both are equal."""
    if found != expected:
        raise AssertionError(f"{what} is {found!r}, not {expected!r}")


def end(client):
    """Prints the sum and ends the process."""
    print(f"{client}: {passed} steps as they should be, {len(failed)} not{': ' if failed else ''}{', '.join(failed)}")
    sys.exit(1 if failed else 0)
