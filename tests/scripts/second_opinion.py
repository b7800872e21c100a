#!/usr/bin/env python3
"""Asks others whether they read the lake as `freshet query` does.

    eval "$(freshet up … prints these lines)"; pip install -r tests/scripts/requirements.txt
    python tests/scripts/second_opinion.py                 # deltalake, polars and duckdb: counts and sums of each table;
                                                           # each view and query by sqlglot in DuckDB, row by row
    FRESHET_MATERIAL=… python tests/scripts/second_opinion.py --trino   # a real Trino: each table, view and query, row by row

Run it on a lake at rest. What is missing is skipped aloud; a difference ends it with 1.

--trino starts a Trino by `$FRESHET_MATERIAL/athena/trino.py` (Maven, and a JDK of 24 or later by TRINO_JAVA_HOME), or uses the one at
--trino-server, which has a Delta Lake catalog `delta` over the same S3 with `register_table` allowed.
"""

import argparse
import collections
import datetime
import decimal
import glob
import importlib
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import measures
import transpiled
from lake import Failed, Lake, default_binary
from trino_client import Refused, Trino, at_one_moment, printed

RAW = "_raw"
DIFFERENCES_SHOWN = 5
# How far estimates such as approx_percentile may lie apart.
ESTIMATE = 0.05


class Report:
    """The table of results, printed as they come."""

    def __init__(self):
        self.counts = collections.Counter()

    def line(self, state, subject, reader, detail=""):
        self.counts[state] += 1
        print(f"{state:<9} {reader:<10} {subject:<36} {detail}", flush=True)

    def compared(self, subject, reader, what, found):
        if not found:
            self.line("same", subject, reader, what)
            return
        self.line("DIFFERENT", subject, reader, f"{len(found)} differences")
        for difference in found[:DIFFERENCES_SHOWN]:
            print(f"          {difference}")

    def close(self):
        print("; ".join(f"{count} {state.lower()}" for state, count in sorted(self.counts.items())) or "nothing compared")
        return 1 if self.counts["DIFFERENT"] or self.counts["FAILED"] or not self.counts["same"] else 0


# --- counts and sums -------------------------------------------------------------------------------------------------


def by_freshet(lake, table, found):
    rows = lake.rows(measures.select(found, "athena", measures.quoted(table["name"])))
    return [rows[0][f"m{index}"] for index in range(len(found))]


def by_deltalake(lake, table, found, delta):
    import pyarrow
    import pyarrow.compute as compute

    data = delta.to_pyarrow_table()

    def take(measure):
        if measure.family == "rows":
            return data.num_rows
        column = data[measure.column]
        if measure.family == "count":
            return compute.count(column).as_py()
        if measure.family == "whole":
            return compute.sum(column.cast(pyarrow.decimal128(38, 0))).as_py()
        if measure.family == "length":
            return compute.sum(compute.utf8_length(column)).as_py()
        if measure.family == "elements":
            return compute.sum(compute.list_value_length(column)).as_py()
        if measure.family in ("min", "max"):
            return compute.min_max(column)[measure.family].as_py()
        return compute.sum(column).as_py()

    return [take(measure) for measure in found]


def by_polars(lake, table, found, _delta):
    import polars

    def take(measure):
        if measure.family == "rows":
            return polars.len()
        column = polars.col(measure.column)
        return {
            "count": lambda: column.count(),
            "whole": lambda: column.cast(polars.Int128).sum(),
            "exact": lambda: column.sum(),
            "float": lambda: column.sum(),
            "true": lambda: column.sum(),
            "min": lambda: column.min(),
            "max": lambda: column.max(),
            "length": lambda: column.str.len_chars().cast(polars.Int64).sum(),
            "elements": lambda: column.list.len().cast(polars.Int64).sum(),
        }[measure.family]()

    frame = polars.scan_delta(table["location"], storage_options=options_for(lake, table))
    row = frame.select(**{f"m{index}": take(measure) for index, measure in enumerate(found)}).collect()
    return [row[f"m{index}"][0] for index in range(len(found))]


def by_duckdb(lake, table, found, delta):
    import duckdb

    uris = delta.file_uris()
    with tempfile.TemporaryDirectory(prefix="freshet-duckdb-") as folder:
        paths = lake.fetch(uris, folder) if table["location"].startswith("s3://") else uris
        if not paths:
            return [0 if measure.family in ("rows", "count") else None for measure in found]
        connection = duckdb.connect()
        files = connection.read_parquet(paths, hive_partitioning=True, union_by_name=True)
        # A column that is younger than every file is in none of them.
        known = [measure for measure in found if measure.column == "*" or measure.column in files.columns]
        values = dict(zip(known, connection.sql(measures.select(known, "duckdb", "files")).fetchall()[0]))
        return [values.get(measure, 0 if measure.family == "count" else None) for measure in found]


READERS = {"deltalake": by_deltalake, "polars": by_polars, "duckdb": by_duckdb}


def options_for(lake, table):
    return lake.storage_options() if table["location"].startswith("s3://") else None


def compare_tables(lake, tables, report):
    absent = {name for name in READERS if missing(name)}
    for name in sorted(absent):
        report.line("skipped", "every table", name, "not installed: pip install -r tests/scripts/requirements.txt")
    if "deltalake" in absent:
        report.line("skipped", "every table", "all", "the snapshot's files are found with deltalake")
        return
    from deltalake import DeltaTable

    for table in tables:
        try:
            delta = DeltaTable(table["location"], storage_options=options_for(lake, table))
            found = measures.measures(json.loads(delta.schema().to_json())["fields"])
            ours = measures.settled(found, by_freshet(lake, table, found))
        except Exception as error:
            report.line("FAILED", table["name"], "freshet", first_line(error))
            continue
        for reader, read in READERS.items():
            if reader in absent:
                continue
            try:
                theirs = measures.settled(found, read(lake, table, found, delta))
            except Exception as error:
                report.line("FAILED", table["name"], reader, first_line(error))
                continue
            what = f"{ours[0]} rows, {len(found)} measures"
            report.compared(table["name"], reader, what, measures.differences(found, ours, theirs))


# --- the same SQL for another engine ---------------------------------------------------------------------------------


def compare_transpiled(lake, tables, only, report):
    absent = [name for name in ("sqlglot", "duckdb", "deltalake") if missing(name)]
    if absent:
        report.line("skipped", "views and queries", "sqlglot", f"{', '.join(absent)} not installed")
        return
    with tempfile.TemporaryDirectory(prefix="freshet-sqlglot-") as folder:
        transpiled.compare(lake, tables, report, folder, only)


# --- Trino -----------------------------------------------------------------------------------------------------------


def start_trino(lake, folder, report):
    """The address of a Trino that was started, or None."""
    material = os.environ.get("FRESHET_MATERIAL")
    script = material and pathlib.Path(material) / "athena" / "trino.py"
    if not script or not script.exists():
        report.line("skipped", "views and queries", "trino", "set FRESHET_MATERIAL, or give --trino-server")
        return None
    java = os.environ.get("TRINO_JAVA_HOME") or newest_java()
    if not java:
        report.line("skipped", "views and queries", "trino", "set TRINO_JAVA_HOME to a JDK of 24 or later")
        return None
    environment = dict(lake.variables, TRINO_JAVA_HOME=java)
    command = [sys.executable, str(script), "start", "--dir", str(folder), "--s3", lake.endpoint]
    if subprocess.run(command, env=environment).returncode != 0:
        report.line("FAILED", "views and queries", "trino", "did not start")
        return None
    return f"http://127.0.0.1:{os.environ.get('TRINO_PORT', '18080')}"


def newest_java():
    """The home of an installed JDK of 24 or later."""
    for release in glob.glob("/usr/lib/jvm/*/release"):
        version = re.search(r'JAVA_VERSION="(\d+)', pathlib.Path(release).read_text())
        if version and int(version[1]) >= 24:
            return str(pathlib.Path(release).parent)
    return None


def register(trino, lake, tables):
    """Registers every table, and puts a view before each that gives its times three digits, as Athena does."""
    raw = lake.database + RAW
    trino.run(f"CREATE SCHEMA IF NOT EXISTS delta.{lake.database} WITH (location = 's3://trino-meta/{lake.database}/')")
    trino.run(f"CREATE SCHEMA IF NOT EXISTS delta.{raw} WITH (location = 's3://trino-meta/{raw}/')")
    _, known = trino.run(f"SELECT table_name FROM delta.information_schema.tables WHERE table_schema = '{raw}'")
    for table in tables:
        name = table["name"]
        if [name] in known:
            trino.run(f"CALL delta.system.unregister_table('{raw}', '{name}')")
        trino.run(f"CALL delta.system.register_table('{raw}', '{name}', '{table['location'].rstrip('/')}')")
        _, columns = trino.run(
            "SELECT column_name, data_type FROM delta.information_schema.columns"
            f" WHERE table_schema = '{raw}' AND table_name = '{name}' ORDER BY ordinal_position"
        )
        taken = ", ".join(
            f'CAST("{column}" AS timestamp(3)) AS "{column}"' if re.fullmatch(r"timestamp\(\d+\)", kind) else f'"{column}"'
            for column, kind in columns
        )
        trino.run(f'CREATE OR REPLACE VIEW delta.{lake.database}."{name}" AS SELECT {taken} FROM delta.{raw}."{name}"')


def compare_queries(lake, trino, queries, report):
    moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query in queries:
        name, is_relation = query["name"], query["kind"] in ("table", "view")
        try:
            if query["kind"] == "view":
                trino.run(f"CREATE OR REPLACE VIEW delta.{lake.database}.{name} AS\n{query['sql']}")
            if is_relation:
                statement = f"SELECT * FROM {name}"
            else:
                statement = at_one_moment(lake.statement(name), moment)
            columns, rows = trino.run(statement)
        except Refused as error:
            report.line("DIFFERENT", name, "trino", f"refused: {error}")
            continue
        except Failed as error:
            report.line("FAILED", name, "freshet", first_line(error))
            continue
        try:
            ours = lake.rows(statement)
        except Failed as error:
            report.line("FAILED", name, "freshet", first_line(error))
            continue
        estimates = "approx_" in statement.lower()
        what = f"{len(rows)} rows" + (f", estimates within {ESTIMATE:.0%}" if estimates else "")
        is_ordered = not is_relation and re.search(r"\border\s+by\b", statement, re.IGNORECASE) is not None
        report.compared(name, "trino", what, row_differences(ours, columns, rows, is_ordered, estimates))


def row_differences(ours, columns, rows, is_ordered, estimates):
    """What differs between rows of `freshet query --format json` and Trino's, as text."""
    if len(ours) != len(rows):
        return [f"freshet has {len(ours)} rows, trino {len(rows)}"]
    names = numbered([name for name, _ in columns])
    if ours and set(ours[0]) != set(names):
        return [f"freshet has the columns {sorted(ours[0])}, trino {sorted(names)}"]
    kinds = [signature["rawType"] for _, signature in columns]
    mine = [[cell(row[name], kind) for name, kind in zip(names, kinds)] for row in ours]
    theirs = [[cell(printed(value, column[1]), column[1]["rawType"]) for value, column in zip(row, columns)] for row in rows]
    if not is_ordered:
        mine.sort(key=sort_key)
        theirs.sort(key=sort_key)
    return [
        f"row {index}, {name}: freshet {one!r}, trino {other!r}"
        for index, (row, other_row) in enumerate(zip(mine, theirs))
        for name, one, other in zip(names, row, other_row)
        if not same(one, other, ESTIMATE if estimates else measures.DIGITS)
    ]


def numbered(names):
    """Names as `--format json` has them: a name that is taken gets a number."""
    taken = []
    for name in names:
        candidates = (f"{name}_{count}" for count in range(2, len(names) + 3))
        free = (candidate for candidate in candidates if candidate not in taken and candidate not in names)
        taken.append(name if name not in taken else next(free))
    return taken


def cell(value, kind):
    """A value as it is compared: numbers by value, decimals with their digits, all else as Athena's text."""
    if value is None:
        return None
    if kind in ("tinyint", "smallint", "integer", "bigint"):
        return int(value)
    if kind in ("double", "real"):
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else value == "true"
    return str(value)


def same(one, other, tolerance):
    if one is None or other is None or isinstance(one, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=measures.DIGITS) or (one != one and other != other)
    if isinstance(one, int) and isinstance(other, int) and tolerance > measures.DIGITS:
        return math.isclose(one, other, rel_tol=tolerance)
    return one == other


def sort_key(row):
    """An order in which values that count as the same lie side by side."""

    def key(value):
        if isinstance(value, float):
            value = decimal.Decimal(f"{value:.6g}") if math.isfinite(value) else str(value)
        return (value is None, str(value))

    return [key(value) for value in row]


def compare_with_trino(lake, tables, arguments, report):
    folder = pathlib.Path(arguments.trino_dir).resolve()
    server = arguments.trino_server or start_trino(lake, folder, report)
    if not server:
        return
    try:
        trino = Trino(server, "delta", lake.database)
        register(trino, lake, tables)
        everything = [{"name": table["name"], "kind": "table"} for table in tables] + lake.queries()
        wanted = [query for query in everything if not arguments.only or query["name"] in arguments.only]
        compare_queries(lake, trino, wanted, report)
    finally:
        if not arguments.trino_server and not arguments.keep_trino:
            script = pathlib.Path(os.environ["FRESHET_MATERIAL"]) / "athena" / "trino.py"
            subprocess.run([sys.executable, str(script), "stop", "--dir", str(folder)])


# --- command ---------------------------------------------------------------------------------------------------------


def missing(module):
    try:
        importlib.import_module(module)
    except ImportError:
        return True
    return False


def first_line(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("endpoint", nargs="?", default=os.environ.get("AWS_ENDPOINT_URL"), help="default: AWS_ENDPOINT_URL")
    parser.add_argument("--freshet", type=pathlib.Path, default=default_binary(), help="the command (default: %(default)s)")
    parser.add_argument("--table", action="append", dest="tables", help="this table alone (repeatable)")
    parser.add_argument("--trino", action="store_true", help="compare tables, views and queries with a real Trino")
    parser.add_argument("--trino-dir", default="/tmp/freshet-trino", help="where Trino is kept (default: %(default)s)")
    parser.add_argument("--trino-server", help="use the Trino at this address")
    parser.add_argument("--keep-trino", action="store_true", help="leave the Trino that was started running")
    parser.add_argument("--only", action="append", help="this table, view or query alone, with --trino (repeatable)")
    arguments = parser.parse_args()
    if not arguments.endpoint:
        parser.error("say where the lake is: an endpoint, or AWS_ENDPOINT_URL as `freshet up` prints it")
    if not arguments.freshet.exists():
        parser.error(f"{arguments.freshet} is missing: build it, or say where it is with --freshet")
    lake, report = Lake(arguments.freshet, {"AWS_ENDPOINT_URL": arguments.endpoint}), Report()
    tables = lake.tables()
    compare_tables(lake, [table for table in tables if not arguments.tables or table["name"] in arguments.tables], report)
    if not arguments.tables:
        compare_transpiled(lake, tables, arguments.only, report)
    if arguments.trino:
        compare_with_trino(lake, tables, arguments, report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
