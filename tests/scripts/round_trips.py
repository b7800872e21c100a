#!/usr/bin/env python3
"""Do boto3 and PyAthena give back the rows that were written? Run by the test `round_trips`, which writes them and says what to expect:

    python round_trips.py EXPECTED.json

Every row is compared, every column, whatever its type:
- boto3's GetQueryResults and the CSV in S3: each value equal, NULL (no value; nothing between two commas) and the empty text (a value; `""`)
  apart. An array is its text, as Athena prints it: without quotes, NULL as `null`.
- PyAthena's pandas cursor, which reads that CSV with pandas: each value equal and of its type, but that pandas cannot see quotes: NULL and
  the empty text come alike, as NaN, and as "" both where `na_values` leaves out the columns of text. The rest is equal in both.
- PyAthena's pandas cursor with `unload=True`, which reads Parquet: each value equal, NULL and the empty text apart, and arrays with their elements,
  but that pandas makes floats of a column of bigint with a NULL in it.
- UNLOAD to Parquet, read by pyarrow: each value equal, NULL and the empty text apart, and arrays with their elements.
"""

import datetime
import decimal
import io
import json
import math
import os
import struct
import sys

import boto3
import pandas
from botocore.config import Config
from pyarrow import parquet
from pyathena import connect
from pyathena.pandas.cursor import PandasCursor

BUCKET, DATABASE, REGION = (os.environ[name] for name in ("FRESHET_BUCKET", "FRESHET_DATABASE", "AWS_REGION"))
ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
RESULTS = f"s3://{BUCKET}/results/"


def bits(value):
    """A double by its bits: a zero has its sign."""
    return struct.pack(">d", value)


def expected_value(kind, value):
    """A value of the expectation as Python has it."""
    if value is None:
        return None
    if kind == "double":
        return bits(float(value))
    if kind.startswith("decimal"):
        return decimal.Decimal(value)
    if kind == "timestamp":
        return datetime.datetime.strptime(value, "%Y-%m-%d %H:%M:%S.%f")
    if kind == "date":
        return datetime.date.fromisoformat(value)
    return value


def printed(kind, value):
    """What is left of a value in a result's text."""
    if kind.startswith("array") and value is not None:
        return "[" + ", ".join("null" if part is None else part for part in value) + "]"
    return value


def of_text(kind, text):
    """A value from a result's text."""
    if text is None or kind == "string" or kind.startswith("array"):
        return text
    if kind == "boolean":
        return {"true": True, "false": False}[text]
    if kind in ("int", "bigint"):
        return int(text)
    if kind == "timestamp" and len(text) != len("2026-01-02 03:04:05.678"):
        raise ValueError(f"{text} has not three digits")
    return expected_value(kind, text)


def of_pandas(kind, value):
    """A value from pandas."""
    if isinstance(value, float) and kind == "double":
        return None if math.isnan(value) else bits(value)
    if hasattr(value, "tolist") and kind.startswith("array"):
        return value.tolist()
    if value is None or (not isinstance(value, (list, str)) and pandas.isna(value)):
        return None
    if kind in ("int", "bigint"):
        return int(value)
    if kind == "boolean":
        return bool(value)
    if isinstance(value, pandas.Timestamp):
        return value.to_pydatetime().date() if kind == "date" else value.to_pydatetime()
    return value


def of_arrow(kind, value):
    """A value from pyarrow."""
    return bits(value) if kind == "double" and value is not None else value


def parse_csv(text):
    """The rows of a result file: what stands in no quotes is NULL."""
    rows, row, at = [], [], 0
    while at < len(text):
        value = None
        if text[at] == '"':
            end, parts = at + 1, []
            while True:
                close = text.index('"', end)
                parts.append(text[end:close])
                end = close + 1
                if text[end : end + 1] != '"':
                    break
                parts.append('"')
                end += 1
            value, at = "".join(parts), end
        row.append(value)
        if text[at] == "\n":
            rows.append(row)
            row = []
        elif text[at] != ",":
            raise ValueError(f"a value ends with {text[at]!r}")
        at += 1
    return rows


class Table:
    """A table and the rows that it is to have."""

    def __init__(self, given):
        self.name = given["name"]
        self.names = [name for name, _ in given["columns"]]
        self.kinds = [kind for _, kind in given["columns"]]
        self.sql = f"SELECT {', '.join(self.names)} FROM {self.name}"
        self.rows = self.by_id([[expected_value(kind, value) for kind, value in zip(self.kinds, row)] for row in given["rows"]])

    def by_id(self, rows):
        place = self.names.index("event_id")
        return {row[place]: row for row in rows}

    def compare(self, way, rows, alter=lambda _kind, value: value):
        """Compares rows with those that are expected, altered to what the way can tell."""
        found = self.by_id(rows)
        if len(rows) != len(self.rows) or found.keys() != self.rows.keys():
            raise SystemExit(f"{way}: {self.name} has {len(rows)} rows, {len(self.rows)} were written")
        for id, row in self.rows.items():
            for name, kind, value, there in zip(self.names, self.kinds, row, found[id]):
                value = alter(kind, value)
                if type(value) is not type(there) or value != there:
                    raise SystemExit(f"{way}: {self.name}.{name} of {id} is {there!r}, {value!r} was written")
        print(f"OK {way}: {len(rows)} rows of {self.name}")


def ran(athena, sql):
    """An execution that has succeeded."""
    execution = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": DATABASE}, ResultConfiguration={"OutputLocation": RESULTS}
    )["QueryExecutionId"]
    while (found := athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"])["Status"]["State"] in ("QUEUED", "RUNNING"):
        pass
    if found["Status"]["State"] != "SUCCEEDED":
        raise SystemExit(f"boto3: {found['Status']}")
    return found


def by_boto3(table):
    session = boto3.session.Session(region_name=REGION)
    athena = session.client("athena", endpoint_url=ENDPOINT)
    s3 = session.client("s3", endpoint_url=ENDPOINT, config=Config(s3={"addressing_style": "path"}))
    found = ran(athena, table.sql)
    execution = found["QueryExecutionId"]
    rows = []
    # Small pages, so that there are several.
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=execution, PaginationConfig={"PageSize": 50}):
        rows += [[value.get("VarCharValue") for value in row["Data"]] for row in page["ResultSet"]["Rows"]]
    if rows[0] != table.names:
        raise SystemExit(f"boto3: the header is {rows[0]}")
    typed = [[of_text(kind, text) for kind, text in zip(table.kinds, row)] for row in rows[1:]]
    table.compare("boto3, GetQueryResults", typed, printed)

    key = found["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    header, *rows = parse_csv(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())
    if header != table.names:
        raise SystemExit(f"the CSV in S3: the header is {header}")
    typed = [[of_text(kind, text) for kind, text in zip(table.kinds, row)] for row in rows]
    table.compare("boto3, the CSV in S3", typed, printed)

    folder = f"unloaded/{table.name}/"
    ran(athena, f"UNLOAD ({table.sql}) TO 's3://{BUCKET}/{folder}' WITH (format = 'PARQUET')")
    rows = []
    for there in s3.list_objects_v2(Bucket=BUCKET, Prefix=folder)["Contents"]:
        read = parquet.read_table(io.BytesIO(s3.get_object(Bucket=BUCKET, Key=there["Key"])["Body"].read()))
        if read.column_names != table.names:
            raise SystemExit(f"UNLOAD: the columns are {read.column_names}")
        columns = [[of_arrow(kind, value) for value in read[name].to_pylist()] for name, kind in zip(table.names, table.kinds)]
        rows += [list(row) for row in zip(*columns)]
    table.compare("UNLOAD, read by pyarrow", rows)


def frame_rows(table, frame):
    if list(frame.columns) != table.names:
        raise SystemExit(f"pandas: the columns are {list(frame.columns)}")
    columns = [[of_pandas(kind, value) for value in frame[name]] for name, kind in zip(table.names, table.kinds)]
    return [list(row) for row in zip(*columns)]


def by_pandas(table):
    def cursor(**options):
        connection = connect(s3_staging_dir=RESULTS, schema_name=DATABASE, region_name=REGION, endpoint_url=ENDPOINT, cursor_class=PandasCursor)
        return connection.cursor(**options)

    def empty_as(missing):
        def alter(kind, value):
            value = printed(kind, value)
            return missing if value == "" or (missing == "" and value is None and kind == "string") else value

        return alter

    frame = cursor().execute(table.sql).as_pandas()
    table.compare("PyAthena, pandas: but NULL and \"\" alike, NaN", frame_rows(table, frame), empty_as(None))
    elsewhere = {name: [""] for name, kind in zip(table.names, table.kinds) if kind != "string"}
    frame = cursor().execute(table.sql, keep_default_na=False, na_values=elsewhere).as_pandas()
    table.compare("PyAthena, pandas with na_values but for texts: NULL and \"\" alike, \"\"", frame_rows(table, frame), empty_as(""))
    frame = cursor(unload=True).execute(table.sql).as_pandas()

    def as_float(kind, value):
        return int(float(value)) if kind == "bigint" and value is not None else value

    rows = [[as_float(kind, value) for kind, value in zip(table.kinds, row)] for row in frame_rows(table, frame)]
    table.compare("PyAthena, pandas with unload=True: but bigint beside NULL as pandas' float", rows, as_float)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        tables = [Table(given) for given in json.load(file)["tables"]]
    for table in tables:
        by_boto3(table)
        by_pandas(table)


if __name__ == "__main__":
    main()
