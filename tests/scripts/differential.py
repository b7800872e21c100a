#!/usr/bin/env python3
"""Asks `freshet up` and a real Trino a thousand random statements of the shapes that analysts send, and whether their answers agree.

    eval "$(freshet up … prints these lines)"; pip install -r tests/scripts/requirements.txt
    FRESHET_MATERIAL=… python tests/scripts/differential.py --statements 1000 --seed 1

From the seed it writes rows (nasty.py) for every table of the contract, and a table of every type, into a bucket of its own at that
S3 endpoint, registers them in a database of its own (`differential`) with the views of `queries/`, and in the Trino, whose tables stand
behind views that give times three digits as Athena does. The statements (shapes.py) come from the same seed.

Compared are the columns' names and types, digits of decimals too, and the rows as Athena prints them: in the order of the statement as
far as it has one; doubles to nine digits; maps by their entries. A statement that one refuses counts by whom and why. A statement whose
answers differ is made as small as it differs still, is printed, and ends the script with 1. So does one that Trino alone refuses.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time

import measures
import nasty
from lake import Failed, Lake
from queries_on_trino import QUERIES, contract_of, event_tables, read_query, views_in_order
from second_opinion import Report, missing, register, same, sort_key, start_trino
from shapes import Shapes
from statements import Relation
from trino_client import Refused, Trino, arguments, printed

DATABASE = "differential"
BUCKET = "freshet-differential"
# Athena names a type's kind; the kinds that the generator knows.
KINDS = {
    "varchar": "varchar",
    "boolean": "boolean",
    "integer": "integer",
    "bigint": "bigint",
    "double": "double",
    "date": "date",
    "timestamp": "timestamp",
    "decimal": "decimal",
    "array(varchar)": "array",
    "map(varchar, integer)": "map",
    "map(varchar,integer)": "map",
    "tinyint": "other",
}
# Words of a reason that are of one statement alone.
PARTICULARS = re.compile(r"'[^']*'|\"[^\"]*\"|line \d+:\d+: ?|-?\d+(\.\d+)?([eE]-?\d+)?")
# The column that a difference is in.
COLUMN = re.compile(r"(?:row \d+, |column )?(\w+)[:,]")
SMALLER_STEPS = 60


class Athena:
    """The Athena endpoint under test."""

    def __init__(self, lake):
        import boto3
        from botocore.config import Config

        config = Config(retries={"max_attempts": 2}, max_pool_connections=16)
        key = lake.variables.get("AWS_ACCESS_KEY_ID", "local"), lake.variables.get("AWS_SECRET_ACCESS_KEY", "local")
        self.client = boto3.client(
            "athena",
            endpoint_url=lake.endpoint,
            region_name=lake.variables.get("AWS_REGION", "us-east-1"),
            aws_access_key_id=key[0],
            aws_secret_access_key=key[1],
            config=config,
        )

    def run(self, statement, database=DATABASE, seconds=300):
        """The columns, as (name, type, precision, scale), and the rows of text of a statement; raises Failed."""
        query = self.client.start_query_execution(
            QueryString=statement,
            QueryExecutionContext={"Database": database},
            ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
        )["QueryExecutionId"]
        wait, end = 0.02, time.monotonic() + seconds
        while True:
            status = self.client.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
            if status["State"] == "SUCCEEDED":
                break
            if status["State"] in ("FAILED", "CANCELLED"):
                raise Failed(status.get("StateChangeReason") or status["State"])
            if time.monotonic() > end:
                self.client.stop_query_execution(QueryExecutionId=query)
                raise TimeoutError(f"no answer within {seconds} s")
            time.sleep(wait)
            wait = min(wait * 1.5, 0.25)
        rows, token, columns = [], None, []
        while True:
            page = self.client.get_query_results(QueryExecutionId=query, **({"NextToken": token} if token else {}))
            columns = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
            rows += [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]]
            token = page.get("NextToken")
            if not token:
                return [(one["Name"], one["Type"], one.get("Precision"), one.get("Scale")) for one in columns], rows[1:]


# --- comparison ------------------------------------------------------------------------------------------------------


def types_differ(ours, theirs):
    """How the columns of Athena's answer are not those of Trino's, or None."""
    for (name, kind, precision, scale), (other, signature) in zip(ours, theirs):
        # Athena gives every name in small letters: https://github.com/apache/superset/blob/master/superset/db_engine_specs/athena.py
        if name != other.lower():
            return f"column {name}, trino {other}"
        wanted = signature["rawType"]
        if kind != ATHENA_TYPES.get(wanted, wanted):
            return f"{name}: type {kind}, trino {wanted}"
        if kind == "decimal" and [precision, scale] != arguments(signature):
            return f"{name}: decimal({precision},{scale}), trino decimal{tuple(arguments(signature))}"
    return None if len(ours) == len(theirs) else f"{len(ours)} columns, trino {len(theirs)}"


# What Athena calls types that Trino names otherwise.
ATHENA_TYPES = {"real": "float", "char": "char"}
SPLIT = re.compile(r"[\[\]{}=]|, ")


def comparable(text, signature):
    """A cell as it is compared: doubles by value also where they are nested, maps by their entries."""
    if text is None:
        return None
    kind = signature["rawType"]
    if kind in ("double", "real"):
        return float(text)
    if kind == "map":
        return sorted(SPLIT.split(text))
    return text


def cells_agree(one, other, signature):
    if one == other:
        return True
    kind = json.dumps(signature)
    if isinstance(one, float) and isinstance(other, float):
        return same(one, other, 1e-5 if signature["rawType"] == "real" else measures.DIGITS)
    if isinstance(one, str) and isinstance(other, str) and ('"double"' in kind or '"real"' in kind or '"map"' in kind):
        mine, theirs = SPLIT.split(one), SPLIT.split(other)
        if '"map"' in kind:
            mine, theirs = sorted(mine), sorted(theirs)
        return len(mine) == len(theirs) and all(a == b or numbers_agree(a, b) for a, b in zip(mine, theirs))
    return False


def numbers_agree(one, other):
    try:
        return same(float(one), float(other), measures.DIGITS)
    except ValueError:
        return False


def rows_differ(statement, columns, ours, theirs):
    """How the rows are not Trino's, or None."""
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, trino {len(theirs)}"
    signatures = [signature for _, signature in columns]
    mine = [[comparable(cell, kind) for cell, kind in zip(row, signatures)] for row in ours]
    other = [[comparable(printed(cell, kind), kind) for cell, kind in zip(row, signatures)] for row in theirs]
    names = [name.lower() for name, _ in columns]
    # As far as the statement orders the rows, they have that order; the rest of each row may stand in any.
    keys = [names.index(alias.strip('"').lower()) for alias, _ in statement.order if alias.strip('"').lower() in names]
    for index, (one, two) in enumerate(zip(mine, other)):
        for key in keys:
            if not cells_agree(one[key], two[key], signatures[key]):
                return f"row {index}, {names[key]}: {one[key]!r}, trino {two[key]!r} (order)"
    if len(keys) < len(names):
        mine.sort(key=sort_key)
        other.sort(key=sort_key)
    for index, (one, two) in enumerate(zip(mine, other)):
        for name, a, b, kind in zip(names, one, two, signatures):
            if not cells_agree(a, b, kind):
                return f"row {index}, {name}: {a!r}, trino {b!r}"
    return None


def family_of(reason):
    """A refusal without what is of one statement alone."""
    first = str(reason).strip().splitlines()[0] if str(reason).strip() else "no reason"
    return PARTICULARS.sub("…", first)[:120]


def ask(athena, trino, statement):
    """(verdict, detail) of a statement."""
    sql = statement.sql
    try:
        theirs, refused = trino.run(sql), None
    except Refused as error:
        theirs, refused = None, str(error)
    try:
        ours = athena.run(sql)
    except Failed as error:
        return ("both refuse", family_of(refused)) if refused else ("refused", family_of(error))
    except Exception as error:
        return "DIFFERENT", f"no answer: {type(error).__name__}: {error}"
    if refused:
        return "DIFFERENT", f"trino refuses: {refused}"
    columns, rows = theirs
    found = types_differ(ours[0], columns) or rows_differ(statement, columns, ours[1], rows)
    return ("DIFFERENT", found) if found else ("same", f"{len(rows)} rows")


def smallest(athena, trino, statement, detail):
    """A statement that differs still when no part can be left out, and how."""
    column = COLUMN.match(detail)
    for candidate in statement.alone(column[1]) if column else ():
        verdict, found = ask(athena, trino, candidate)
        if verdict == "DIFFERENT" and not found.startswith("trino refuses"):
            statement, detail = candidate, found
            break
    for _ in range(SMALLER_STEPS):
        for candidate in statement.smaller():
            verdict, found = ask(athena, trino, candidate)
            if verdict == "DIFFERENT" and found.startswith("trino refuses") == detail.startswith("trino refuses"):
                statement, detail = candidate, found
                break
        else:
            break
    return statement, detail


# --- the lake --------------------------------------------------------------------------------------------------------


def prepare(lake, athena, trino, seed):
    """Writes the tables, registers them on both sides with the views of `queries/`."""
    lake.s3().create_bucket(Bucket=BUCKET)
    contract = nasty.contract()
    tables = []
    athena.run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}", "default")
    for name, columns in contract.items():
        location = f"s3://{BUCKET}/{seed}/{name}"
        # Each table has a source of its own, so that one that is added leaves the others as they were.
        nasty.write(random.Random(f"{seed} {name}"), name, columns, location, lake.storage_options() | {"aws_conditional_put": "etag"})
        athena.run(f"DROP TABLE IF EXISTS {name}")
        athena.run(f"CREATE EXTERNAL TABLE {name} LOCATION '{location}/' TBLPROPERTIES ('table_type' = 'DELTA')")
        tables.append({"name": name, "location": location})
    lake.database = DATABASE
    register(trino, lake, tables)
    repeated = list(event_tables(contract_of(nasty.ROOT / "schemas" / "released.json")))
    queries = [read_query(path, repeated) for path in sorted(QUERIES.glob("**/*.sql"))]
    for view in views_in_order(queries):
        try:
            trino.run(f"CREATE OR REPLACE VIEW delta.{DATABASE}.{view.name} AS\n{view.sql}")
            athena.run(f"CREATE OR REPLACE VIEW {view.name} AS\n{view.sql}")
        except (Refused, Failed) as error:
            print(f"skipped   view {view.name}: {family_of(error)}", flush=True)


def wait_for(trino, seconds=600):
    """Until a Trino that is starting answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            return trino.run("SELECT 1")
        except (Refused, OSError) as error:
            is_starting = isinstance(error, OSError) or "SERVER_STARTING_UP" in str(error)
            if not is_starting or time.monotonic() > end:
                raise
        time.sleep(1)


def relations_of(trino):
    """The tables and views that Trino has, with their columns of kinds that the generator knows."""
    _, columns = trino.run(
        "SELECT table_name, column_name, data_type FROM delta.information_schema.columns"
        f" WHERE table_schema = '{DATABASE}' ORDER BY table_name, ordinal_position"
    )
    known = collections.defaultdict(list)
    for name, column, kind in columns:
        kind = KINDS.get(re.sub(r"^(decimal|timestamp)\(.*$", r"\1", kind))
        if kind:
            known[name].append((column, kind))
    named = [name for name, held in known.items() if ("event_id", "varchar") in held]
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*), count(DISTINCT event_id) FROM {name}" for name in named)
    _, counted = trino.run(counts)
    keyed = {name for name, rows, keys in counted if rows == keys and int(rows) > 0}
    return [Relation(name, tuple(held), "event_id" if name in keyed else None) for name, held in known.items()]


# --- command ---------------------------------------------------------------------------------------------------------


def compare(athena, trino, written, workers):
    """The verdict of each statement, as they are answered; what differs is made small."""

    def judge(statement):
        verdict, detail = ask(athena, trino, statement)
        if verdict == "DIFFERENT":
            statement, detail = smallest(athena, trino, statement, detail)
            print(f"DIFFERENT [{statement.family}] {detail}\n{statement.sql};\n", flush=True)
        return {"family": statement.family, "verdict": verdict, "detail": detail, "sql": statement.sql}

    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        asked = [pool.submit(judge, statement) for statement in written]
        for index, answer in enumerate(concurrent.futures.as_completed(asked), 1):
            if index % 100 == 0:
                print(f"          {index} statements asked", flush=True)
            yield answer.result()
    finally:
        pool.shutdown(cancel_futures=True)


def show(answers):
    counts = collections.Counter(answer["verdict"] for answer in answers)
    empty = sum(answer["verdict"] == "same" and answer["detail"] == "0 rows" for answer in answers)
    for verdict in ("refused", "both refuse"):
        reasons = collections.Counter((answer["detail"]) for answer in answers if answer["verdict"] == verdict)
        families = collections.defaultdict(collections.Counter)
        for answer in answers:
            families[answer["detail"]][answer["family"]] += 1
        for reason, count in reasons.most_common():
            print(f"{verdict:<11} {count:>4} {reason}  ({', '.join(f'{name} {many}' for name, many in sorted(families[reason].items()))})")
    print("; ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "nothing compared")
    print(f"{empty} of the same have no rows")
    return 1 if counts["DIFFERENT"] or not counts["same"] else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("endpoint", nargs="?", default=os.environ.get("AWS_ENDPOINT_URL"), help="default: AWS_ENDPOINT_URL")
    parser.add_argument("--seed", type=int, default=1, help="of rows and statements (default: %(default)s)")
    parser.add_argument("--statements", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--family", action="append", help="this shape alone (repeatable)")
    parser.add_argument("--rows", type=int, help="the seed of the rows, where it is another than that of the statements")
    parser.add_argument("--prepared", action="store_true", help="ask over the rows that an earlier run wrote")
    parser.add_argument("--workers", type=int, default=4, help="how many are asked at once (default: %(default)s)")
    parser.add_argument("--json", type=pathlib.Path, help="write each statement, verdict and reason to this file")
    parser.add_argument("--trino-dir", default="/tmp/freshet-trino", help="where Trino is kept (default: %(default)s)")
    parser.add_argument("--trino-server", help="use the Trino at this address, which reads the same S3")
    arguments_ = parser.parse_args()
    if not arguments_.endpoint:
        parser.error("say where the lake is: an endpoint, or AWS_ENDPOINT_URL as `freshet up` prints it")
    report = Report()
    absent = [name for name in ("boto3", "pyarrow", "deltalake") if missing(name)]
    if absent:
        report.line(
            "skipped", "every statement", "trino", f"{', '.join(absent)} not installed: pip install -r tests/scripts/requirements.txt"
        )
        return 0
    lake = Lake("freshet", {"AWS_ENDPOINT_URL": arguments_.endpoint})
    folder = pathlib.Path(arguments_.trino_dir).resolve()
    server = arguments_.trino_server or start_trino(lake, folder, report)
    if not server:
        return 1 if report.counts["FAILED"] else 0
    answers = []
    try:
        athena, trino = Athena(lake), Trino(server, "delta", DATABASE)
        wait_for(trino)
        if not arguments_.prepared:
            prepare(lake, athena, trino, arguments_.rows or arguments_.seed)
        writer = Shapes(random.Random(arguments_.seed), relations_of(trino))
        if arguments_.family:
            writer.shapes = {name: shape for name, shape in writer.shapes.items() if name in arguments_.family}
        written = [writer.next() for _ in range(arguments_.statements)]
        for answer in compare(athena, trino, written, arguments_.workers):
            answers.append(answer)
    except KeyboardInterrupt:
        print(f"stopped after {len(answers)} statements", flush=True)
    finally:
        if arguments_.json:
            arguments_.json.write_text(json.dumps(answers, indent=1, ensure_ascii=False))
        if not arguments_.trino_server:
            script = pathlib.Path(os.environ["FRESHET_MATERIAL"]) / "athena" / "trino.py"
            subprocess.run([sys.executable, str(script), "stop", "--dir", str(folder)])
    return show(answers)


if __name__ == "__main__":
    sys.exit(main())
