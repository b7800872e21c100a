#!/usr/bin/env python3
"""Asks a real Trino whether the queries and views of `queries/` give the rows that were worked out by hand.

    python tests/scripts/queries_on_trino.py --s3 http://127.0.0.1:4566 --trino-server http://127.0.0.1:18080

The fixtures of `queries/fixtures/` are written as Delta tables by `deltalake` into a bucket of their own (freshet-fixtures) at that S3
endpoint, registered in the catalog `delta` of that Trino, which reads the same endpoint (`$FRESHET_MATERIAL/athena/trino.py
start` starts one), and every file of `queries/expected/` is compared. No part of Freshet runs here: what is judged is the SQL.
"""

import argparse
import datetime
import decimal
import json
import pathlib
import re
import sys
import tomllib
import types

from second_opinion import Report, cell, register, same, sort_key
from measures import DIGITS
from trino_client import Refused, Trino, at_one_moment, printed

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUERIES = ROOT / "queries"
BUCKET = "freshet-fixtures"
# Literals, comments and casts are no places for parameters.
PIECES = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|::|:([a-z_][a-z0-9_]*)", re.DOTALL)
ENTRY = re.compile(r"^-- ([a-z]+): (.*(?:\n--   +\S.*)*)", re.MULTILINE)
PARAMETER = re.compile(r"(\w+) (\w+) ('(?:[^']|'')*'|\S+) ")
# Athena's names of types, as headers have them, and Trino's.
TRINO_TYPES = {"string": "varchar", "int": "integer", "array": "array", "timestamp": "timestamp", "decimal": "decimal"}
ACCOUNTS = {"shopify": "acme.myshopify.com", "zendesk": "100", "game": "euw1"}


# --- the catalogue ---------------------------------------------------------------------------------------------------


def read_query(path, event_tables):
    """A file of `queries/`: name, kind, parameters as {name: (type, example)}, columns as (name, type), statement."""
    text = path.read_text()
    head, _, sql = text.partition("\n\n")
    query = types.SimpleNamespace(name=path.stem, kind=None, parameters={}, columns=[], sql=sql.strip().rstrip(";"))
    for key, value in ENTRY.findall(head):
        if key == "kind":
            query.kind = value.strip()
        elif key == "repeat":
            query.sql = "\nUNION ALL\n".join(query.sql.replace("each_table", table) for table in event_tables)
        elif key == "param":
            name, kind, example = PARAMETER.match(value).groups()
            query.parameters[name] = (kind, example.strip("'").replace("''", "'"))
        elif key == "column":
            name, kind, _ = value.split(None, 2)
            query.columns.append((name, kind))
    return query


def literal(kind, value):
    return {"date": f"DATE '{value}'", "timestamp": f"TIMESTAMP '{value}'", "decimal": f"DECIMAL '{value}'"}.get(
        kind, str(value) if kind == "integer" else "'" + str(value).replace("'", "''") + "'"
    )


def filled(query, values):
    """The statement with values, or examples, in place of its parameters."""

    def fill(match):
        if not match[1]:
            return match[0]
        kind, example = query.parameters[match[1]]
        return literal(kind, values.get(match[1], example))

    unknown = set(values) - set(query.parameters)
    if unknown:
        raise ValueError(f"{query.name} has no parameters {sorted(unknown)}")
    return PIECES.sub(fill, query.sql)


def views_in_order(queries):
    """Views, each after those that it reads."""
    waiting = {query.name: query for query in queries if query.kind == "view"}
    while waiting:
        for name, view in list(waiting.items()):
            words = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", view.sql))
            if not (words & set(waiting)) - {name}:
                yield waiting.pop(name)


# --- fixtures --------------------------------------------------------------------------------------------------------


def full_row(table, contract, index, given):
    """A fixture's row with its envelope filled in: see queries/fixtures/README.md."""
    columns = [name for name, _ in contract["columns"]]
    unknown = set(given) - set(columns)
    if unknown:
        raise ValueError(f"fixture {table}, row {index}: no columns {sorted(unknown)}")
    row = {name: None for name in columns}
    if "event_id" in columns:
        source = contract["source"] if contract["source"] != "lake" else given.get("source", "shopify")
        row |= {"event_id": f"{table}-{index}", "row_index": 0, "source": source, "account": ACCOUNTS[source]}
        row |= {"received_at": given["occurred_at"], "time_suspect": False, "schema_version": contract["version"]}
    row |= given
    if "payload_hash" in columns:
        row["payload_hash"] = given.get("payload_hash", row["event_id"])
    row["dt"] = given.get("dt") or (row.get("occurred_at") or row.get("counted_at") or row["as_of"])[:10]
    return row


def arrow_type(kind):
    import pyarrow

    return {
        "string": pyarrow.string(),
        "boolean": pyarrow.bool_(),
        "int": pyarrow.int32(),
        "bigint": pyarrow.int64(),
        "double": pyarrow.float64(),
        "decimal(18,4)": pyarrow.decimal128(18, 4),
        "timestamp": pyarrow.timestamp("us"),
        "date": pyarrow.date32(),
        "array<string>": pyarrow.list_(pyarrow.string()),
    }[kind]


def arrow_value(kind, value):
    if value is None:
        return None
    if kind == "timestamp":
        return datetime.datetime.fromisoformat(value)
    if kind == "date":
        return datetime.date.fromisoformat(value)
    if kind == "double":
        return float(value)
    return decimal.Decimal(str(value)) if kind.startswith("decimal") else value


def contract_of(path):
    """The tables, as `schemas/released.json` has them, each with its source."""
    tables = json.loads(path.read_text())
    for name, table in tables.items():
        (file,) = ROOT.glob(f"schemas/*/{name}.toml")
        table["source"] = file.parent.name
    return tables


def event_tables(contract):
    """The tables that a statement with `-- repeat: each_table` is repeated for."""
    for name, table in contract.items():
        declared = tomllib.loads((ROOT / "schemas" / table["source"] / f"{name}.toml").read_text())
        if not declared.get("computed") and not declared.get("restricted"):
            yield name


def write_fixtures(contract, options):
    """Writes every table of the contract, empty where it has no fixture; gives names and locations."""
    import pyarrow
    from deltalake import write_deltalake

    tables = []
    for name, table in contract.items():
        path = QUERIES / "fixtures" / f"{name}.json"
        given = json.loads(path.read_text(), parse_float=str) if path.exists() else []
        rows = [full_row(name, table, index, row) for index, row in enumerate(given)]
        schema = pyarrow.schema([(column, arrow_type(kind)) for column, kind in table["columns"]])
        arrays = [
            pyarrow.array([arrow_value(kind, row[column]) for row in rows], arrow_type(kind))
            for column, kind in table["columns"]
        ]
        location = f"s3://{BUCKET}/tables/{name}"
        data = pyarrow.Table.from_arrays(arrays, schema=schema)
        write_deltalake(location, data, partition_by=["dt"], mode="overwrite", schema_mode="overwrite", storage_options=options)
        tables.append({"name": name, "location": location})
    return tables


# --- comparison ------------------------------------------------------------------------------------------------------


def declared_differences(query, columns):
    """Where a header's columns are not those of the answer."""
    answered = [(name, signature["rawType"]) for name, signature in columns]
    declared = [(name, base(kind)) for name, kind in query.columns]
    if [name for name, _ in answered] != [name for name, _ in declared]:
        return [f"the header declares {[name for name, _ in declared]}, the answer has {[name for name, _ in answered]}"]
    return [f"{name}: declared {kind}, answered {other}" for (name, kind), (_, other) in zip(declared, answered) if kind != other]


def base(kind):
    kind = re.split(r"[(<]", kind)[0]
    return TRINO_TYPES.get(kind, kind)


def row_differences(case, columns, rows, is_ordered):
    names = case.get("columns") or [name for name, _ in columns]
    places = [[name for name, _ in columns].index(name) for name in names]
    kinds = [columns[place][1]["rawType"] for place in places]
    theirs = [[cell(printed(row[place], columns[place][1]), kind) for place, kind in zip(places, kinds)] for row in rows]
    expected = []
    for row in case["rows"]:
        if set(row) != set(names):
            return [f"the expectation has the columns {sorted(row)}, the answer {sorted(names)}"]
        expected.append([cell(row[name], kind) for name, kind in zip(names, kinds)])
    if not is_ordered:
        expected.sort(key=sort_key)
        theirs.sort(key=sort_key)
    if len(expected) != len(theirs):
        shown = "\n".join(f"            {dict(zip(names, row))}" for row in theirs[:20])
        return [f"expected {len(expected)} rows, trino has {len(theirs)}:\n{shown}"]
    return [
        f"row {index}, {name}: expected {one!r}, trino {other!r}"
        for index, (row, other_row) in enumerate(zip(expected, theirs))
        for name, one, other in zip(names, row, other_row)
        if not same(one, other, DIGITS)
    ]


def compare(query, trino, report):
    path = QUERIES / "expected" / f"{query.name}.json"
    if not path.exists():
        report.line("FAILED", query.name, "trino", f"{path.relative_to(ROOT)} is missing")
        return
    expected = json.loads(path.read_text(), parse_float=str)
    for case in expected["cases"]:
        subject = f"{query.name}: {case['says']}"
        if query.kind == "view":
            statement = f"SELECT * FROM {query.name} WHERE {case.get('where', 'true')}"
        else:
            statement = filled(query, case.get("parameters", {}))
        if "now" in expected:
            statement = at_one_moment(statement, expected["now"])
        try:
            columns, rows = trino.run(statement)
        except Refused as error:
            report.line("FAILED", subject, "trino", str(error))
            continue
        found = declared_differences(query, columns) + row_differences(case, columns, rows, query.kind == "query")
        report.compared(subject, "trino", f"{len(rows)} rows", found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--s3", required=True, help="an S3 endpoint that the Trino reads too")
    parser.add_argument("--trino-server", default="http://127.0.0.1:18080", help="default: %(default)s")
    parser.add_argument("--contract", type=pathlib.Path, default=ROOT / "schemas/released.json", help="default: %(default)s")
    parser.add_argument("--only", action="append", help="this view or query alone (repeatable)")
    parser.add_argument("--keep-tables", action="store_true", help="take the fixtures' tables as they are there")
    arguments = parser.parse_args()
    import boto3

    report, lake = Report(), types.SimpleNamespace(database="fixtures")
    options = {
        "endpoint_url": arguments.s3,
        "access_key_id": "local",
        "secret_access_key": "local",
        "region": "us-east-1",
        "allow_http": "true",
        "virtual_hosted_style_request": "false",
    }
    contract = contract_of(arguments.contract)
    repeated = list(event_tables(contract))
    queries = [read_query(path, repeated) for path in sorted(QUERIES.glob("**/*.sql"))]
    trino = Trino(arguments.trino_server, "delta", lake.database)
    if not arguments.keep_tables:
        client = boto3.client(
            "s3",
            endpoint_url=arguments.s3,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        client.create_bucket(Bucket=BUCKET)
        register(trino, lake, write_fixtures(contract, options))
    for view in views_in_order(queries):
        try:
            trino.run(f"CREATE OR REPLACE VIEW delta.{lake.database}.{view.name} AS\n{view.sql}")
        except Refused as error:
            report.line("FAILED", view.name, "trino", str(error))
    for query in queries:
        if not arguments.only or query.name in arguments.only:
            compare(query, trino, report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
