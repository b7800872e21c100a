"""Compacts the same landing zone with Freshet and with DuckDB, each as a process of its own, and prints the ratio.

    cargo build --release -p freshet-table --bench compaction
    python -m venv .venv && .venv/bin/pip install duckdb
    .venv/bin/python tests/bench/compaction.py [--rows 1000000] [--dir DIR] [--program PATH]

Both read gzip NDJSON, drop duplicates, sort, and write zstd Parquet by day, with two threads. Freshet has a memory budget of
256 MiB, DuckDB a limit of 500 MB. The row counts of both have to be the same.

DuckDB stages the rows in a database file and writes day by day. In one statement, with row_number() over the key, it runs
out of its 500 MB (version 2.0.1), and a single partitioned COPY of the staged rows takes longer than this.
"""

import argparse
import glob
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TYPES = {"string": "VARCHAR", "boolean": "BOOLEAN", "int": "INTEGER", "bigint": "BIGINT", "double": "DOUBLE",
         "decimal(18,4)": "DECIMAL(18,4)", "timestamp": "TIMESTAMP", "date": "DATE", "array<string>": "VARCHAR[]"}


def duckdb_side(folder: str, out: str) -> None:
    import duckdb

    contract = json.load(open(os.path.join(folder, "columns.json")))
    columns = {name: TYPES[kind] for name, kind in contract["columns"]}
    typed = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    order = ", ".join(contract["sort"])
    key = ", ".join([*contract["key"], "dt"])
    connection = duckdb.connect(os.path.join(out, "staged.db"))
    for name, value in [("threads", "2"), ("memory_limit", "'500MB'"), ("temp_directory", f"'{out}/spill'"), ("preserve_insertion_order", "false")]:
        connection.execute(f"SET {name} = {value}")
    connection.execute(f"""
        CREATE TABLE staged AS SELECT {", ".join(columns)}
        FROM read_json('{folder}/landing/**/*.gz', format = 'newline_delimited', columns = {{{typed}}})""")
    connection.execute(f"CREATE TABLE firsts AS SELECT min(rowid) AS first FROM staged GROUP BY {key}")
    for (day,) in connection.execute("SELECT DISTINCT dt FROM staged").fetchall():
        target = os.path.join(out, "tables", f"dt={day}")
        os.makedirs(target)
        connection.execute(f"""
            COPY (SELECT * FROM staged WHERE dt = '{day}' AND rowid IN (SELECT first FROM firsts) ORDER BY {order})
            TO '{target}/part.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 131072)""")


def timed(command: list[str]) -> tuple[float, int, str]:
    """Seconds, peak resident MiB and output of a process."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[:2]} ended with {process.returncode}")
    return time.monotonic() - begun, usage.ru_maxrss // 1024, output


def parquet(files: list[str]) -> tuple[int, int, int]:
    """Rows, files and MiB of Parquet files."""
    import duckdb

    rows = duckdb.sql(f"SELECT count(*) FROM read_parquet({files!r})").fetchall()[0][0]
    return rows, len(files), sum(map(os.path.getsize, files)) >> 20


def live(table: str) -> list[str]:
    """The data files that a Delta log names."""
    names: set[str] = set()
    for entry in sorted(glob.glob(os.path.join(table, "_delta_log", "*.json"))):
        for action in map(json.loads, open(entry)):
            if "add" in action:
                names.add(action["add"]["path"])
            if "remove" in action:
                names.discard(action["remove"]["path"])
    return [os.path.join(table, name) for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dir", help="keeps the landing zone here for further runs")
    parser.add_argument("--program", help="the built benchmark")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--duckdb-side", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.duckdb_side:
        return duckdb_side(*arguments.duckdb_side)
    built = sorted(glob.glob("target/release/deps/compaction-*[!.d]"), key=os.path.getmtime)
    program = arguments.program or (built[-1] if built else sys.exit("build it first: cargo build --release -p freshet-table --bench compaction"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.dir or os.path.join(scratch, "generated")
        if not os.path.exists(os.path.join(folder, "columns.json")):
            os.makedirs(folder, exist_ok=True)
            subprocess.run([program, "generate", folder, str(arguments.rows)], check=True)
        seconds: dict[str, list[float]] = {"freshet": [], "duckdb": []}
        for number in range(arguments.rounds):
            lake, out = os.path.join(scratch, f"lake{number}"), os.path.join(scratch, f"out{number}")
            shutil.copytree(folder, lake)
            os.makedirs(out)
            ours, our_memory, said = timed([program, "compact", lake, "256"])
            table = os.path.join(lake, "tables", "shopify_orders")
            our_rows, our_files, our_size = parquet(live(table))
            theirs, their_memory, _ = timed([sys.executable, os.path.abspath(__file__), "--duckdb-side", folder, out])
            their_rows, their_files, their_size = parquet(glob.glob(os.path.join(out, "tables", "dt=*", "*.parquet")))
            seconds["freshet"].append(ours)
            seconds["duckdb"].append(theirs)
            print(f"freshet {ours:6.1f} s, {our_memory:5} MiB resident, {our_rows} rows, {our_files} files, {our_size} MiB; {said.strip()}")
            print(f"duckdb  {theirs:6.1f} s, {their_memory:5} MiB resident, {their_rows} rows, {their_files} files, {their_size} MiB", flush=True)
            if our_rows != their_rows:
                sys.exit("the row counts differ")
            shutil.rmtree(lake)
            shutil.rmtree(out)
        ratio = statistics.median(seconds["duckdb"]) / statistics.median(seconds["freshet"])
        print(f"ratio {ratio:.2f} (medians of {arguments.rounds}; above 1, Freshet is faster)")


if __name__ == "__main__":
    main()
