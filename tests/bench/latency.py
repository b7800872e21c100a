#!/usr/bin/env python3
"""Runs the catalogue's queries over many rows with `freshet up` and with DuckDB on the same Parquet files, and prints the ratios.

    cargo build --release -p freshet-cli
    python -m venv .venv && .venv/bin/pip install -r tests/scripts/requirements.txt
    .venv/bin/python tests/bench/latency.py --freshet target/release/freshet [--rows 10000000] [--runs 3] [--lake DIR] [--only NAME …] [--json]

Freshet is asked through Athena's API, from StartQueryExecution to the last row: of GetQueryResults up to a page (1000 rows), of the
result's CSV in S3 beyond, read into an Arrow table, as PyAthena and awswrangler read large answers. DuckDB runs in this process, each
statement written for it by sqlglot (tests/scripts/transpiled.py), from the call to its rows in an Arrow table, with views over the files
that the Delta logs name and its cache of Parquet footers on. Both have all processors. They take turns; each is warmed up by one run
that does not count, whose rows have to be the same. The moment that a query speaks of is written out, one for both.

The lake is grown from the demo's (grown_lake.py says how); `--lake` takes or keeps one. A query holds where Freshet's median is at most
`--limit` times DuckDB's, with a tenth of a second for what the API itself takes: three requests, and the result's file. It
ends with 1 where one does not hold, or where the rows differ.
"""

import argparse
import csv
import datetime
import io
import json
import math
import pathlib
import statistics
import sys
import tempfile
import time

import endpoint
import grown_lake
import pyarrow.csv
from endpoint import Athena, Up

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))

import transpiled
from lake import default_binary
from trino_client import at_one_moment

API = 0.1
# What csv gives for NULL and for the empty text is the same; the comparison of large answers is of what is there.
LARGE = endpoint.PAGE


def views_over_files(connection, lake, folder):
    """Every table of the lake as a view over the files of its current version."""
    from deltalake import DeltaTable

    for table in lake.tables():
        path = folder / "s3" / table["location"].removeprefix("s3://")
        delta = DeltaTable(str(path))
        files = [file.removeprefix("file://") for file in delta.file_uris()]
        if files:
            connection.execute(f"""CREATE VIEW "{table["name"]}" AS SELECT * FROM read_parquet({files!r}, hive_partitioning = true)""")
        else:
            columns = ", ".join(f'"{field.name}" {transpiled.duckdb_type(field.type)}' for field in delta.schema().fields)
            connection.execute(f'CREATE TABLE "{table["name"]}" ({columns})')


def ask_freshet(athena, sql):
    """Seconds until the last row, the engine's own seconds among them, and what reads the names and the rows."""
    begun = time.perf_counter()
    execution = athena.start(sql)
    found = athena.wait(execution)
    if found["Status"]["State"] != "SUCCEEDED":
        raise endpoint.Failure(found["Status"].get("StateChangeReason", found["Status"]["State"]))
    page = athena.client.get_query_results(QueryExecutionId=execution, MaxResults=LARGE)
    if "NextToken" in page:
        bucket, _, key = found["ResultConfiguration"]["OutputLocation"].removeprefix("s3://").partition("/")
        body = athena.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        pyarrow.csv.read_csv(io.BytesIO(body))
        rows = lambda: csv.reader(io.StringIO(body.decode(), newline=""))
    else:
        rows = lambda: [[value.get("VarCharValue") for value in row["Data"]] for row in page["ResultSet"]["Rows"]]
    seconds = time.perf_counter() - begun
    return seconds, found["Statistics"]["EngineExecutionTimeInMillis"] / 1000, rows


def ask_duckdb(connection, sql):
    """Seconds until the last row."""
    begun = time.perf_counter()
    connection.sql(sql).to_arrow_table()
    return time.perf_counter() - begun


def different(statement, ours, theirs):
    """What differs between the rows of both, as text."""
    (names, rows), (their_names, their_rows) = ours, theirs
    if len(rows) > LARGE:
        # CSV as Python reads it does not tell NULL from the empty text.
        rows = [[value or None for value in row] for row in rows]
        their_rows = [tuple(None if value == "" else value for value in row) for row in their_rows]
    estimates = "approx_" in statement.lower()
    # Rows that tie may come in either order: all are compared sorted.
    return transpiled.differences([dict(zip(names, row)) for row in rows], their_names, their_rows, False, estimates)


def measure(arguments, folder, up, say):
    import duckdb

    lake, athena = up.lake, Athena(up.lake)
    connection = duckdb.connect()
    for setting in ("SET TimeZone = 'UTC'", "SET parquet_metadata_cache = true", *transpiled.MACROS):
        connection.execute(setting)
    views_over_files(connection, lake, pathlib.Path(folder))
    queries = lake.queries()
    for view in transpiled.in_order([query for query in queries if query["kind"] == "view"]):
        connection.execute(f'CREATE VIEW "{view["name"]}" AS {transpiled.for_duckdb(view["sql"])}')
    moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    say(f"{'query':<28} {'rows':>8} {'freshet':>9} {'engine':>9} {'duckdb':>9} {'ratio':>6}", flush=True)
    measured = []
    for name in [query["name"] for query in queries if query["kind"] != "view"]:
        if arguments.only and name not in arguments.only:
            continue
        statement = at_one_moment(lake.statement(name), moment)
        for_duckdb = transpiled.for_duckdb(statement)
        names, *rows = ask_freshet(athena, statement)[2]()
        answer = connection.execute(for_duckdb)
        found = different(statement, (names, rows), ([column[0] for column in answer.description], answer.fetchall()))
        mine, engine, others = [], [], []
        for _ in range(arguments.runs):
            seconds, of_engine, _ = ask_freshet(athena, statement)
            mine.append(seconds)
            engine.append(of_engine)
            others.append(ask_duckdb(connection, for_duckdb))
        own, their = statistics.median(mine), statistics.median(others)
        measured.append({
            "query": name, "rows": len(rows), "freshet": round(own, 4), "engine": round(statistics.median(engine), 4), "duckdb": round(their, 4),
            "ratio": round(own / their, 2), "holds": own <= arguments.limit * their + API, "differences": found[:3],
        })
        one = measured[-1]
        told = ("" if one["holds"] else "  TOO SLOW") + (f"  DIFFERENT: {found[0]}" if found else "")
        say(f"{name:<28} {one['rows']:>8} {own:>8.3f}s {one['engine']:>8.3f}s {their:>8.3f}s {one['ratio']:>6.2f}{told}", flush=True)
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--freshet", default=default_binary(), help="the built command")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lake", help="keeps the lake here for further runs")
    parser.add_argument("--limit", type=float, default=1.5, help="how many times DuckDB's time a query may take")
    parser.add_argument("--only", nargs="+", help="these queries alone")
    parser.add_argument("--json", action="store_true", help="prints the figures as JSON")
    arguments = parser.parse_args()
    # With --json nothing else goes to the output.
    say = (lambda *_, **__: None) if arguments.json else print
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(arguments.lake or pathlib.Path(scratch) / "lake")
        if not (folder / "s3").exists():
            grown_lake.grow(arguments.freshet, folder, arguments.rows, say)
        with Up(arguments.freshet, folder) as up:
            measured = measure(arguments, folder, up, say)
    worst = max(measured, key=lambda one: one["ratio"])
    # A query over an empty table is a question to the API alone.
    long = [one for one in measured if one["duckdb"] >= API]
    mean = math.exp(statistics.fmean(math.log(one["ratio"]) for one in long)) if long else None
    together = sum(one["freshet"] for one in measured) / sum(one["duckdb"] for one in measured)
    failed = [one["query"] for one in measured if not one["holds"] or one["differences"]]
    if arguments.json:
        told = {"rows": arguments.rows, "runs": arguments.runs, "geometric_mean": mean, "all_together": together, "queries": measured, "failed": failed}
        print(json.dumps(told, indent=2))
    else:
        say(f"{len(measured)} queries, medians of {arguments.runs}; below 1, Freshet is faster; all together {together:.2f}; worst {worst['ratio']} ({worst['query']})")
        if mean:
            say(f"geometric mean {mean:.2f} of the {len(long)} that take DuckDB a tenth of a second or more")
        say(f"not within {arguments.limit} times, or different: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
