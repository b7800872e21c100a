"""awswrangler (the AWS SDK for pandas) over a lake on loopback: every way to read, the catalogue, and S3."""

import datetime
import decimal
import os
import uuid
import warnings

import awswrangler as wr
import boto3
import numpy as np
import pandas as pd
from steps import BUCKET, LAKE, end, refused, same, step

warnings.filterwarnings("ignore")
SCRATCH = f"scratch_{uuid.uuid4().hex[:8]}"
PLACE = f"s3://{BUCKET}/{SCRATCH}/"
RESULTS = f"s3://{BUCKET}/results/{SCRATCH}/"
QUICK = {"athena_query_wait_polling_delay": 0.1}
SQL = """SELECT event_id, occurred_at, total_price, order_number, is_deleted, line_item_count, order_name, discount_codes, dt,
    CAST(total_price AS double) AS price, cancel_reason
  FROM shopify_orders ORDER BY event_id"""


def read(sql=SQL, database=LAKE, **how):
    # What is unloaded goes to a place that must be empty.
    place = f"{RESULTS}{uuid.uuid4().hex}/" if how.get("unload_approach") else RESULTS
    return wr.athena.read_sql_query(sql, database=database, s3_output=place, **QUICK, **how)


def whole(frames):
    """One frame of many, or of one."""
    return frames if isinstance(frames, pd.DataFrame) else pd.concat(list(frames), ignore_index=True)


def plain(value):
    """A value as any way to read gives it: CSV has no arrays and doubles as text."""
    if isinstance(value, (list, np.ndarray)):
        return "[" + ", ".join(str(item) for item in value) + "]"
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, (datetime.datetime, pd.Timestamp)):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, np.generic):
        return value.item()
    return value


def rows(frame):
    frame = frame.sort_values("event_id")
    return [tuple(plain(value) for value in row) for row in frame.astype(object).itertuples(index=False)]


def names(database):
    return sorted(table["Name"] for table in wr.catalog.get_tables(database=database))


wr.catalog.create_database(SCRATCH, exist_ok=True)
before = names(LAKE)
expected = rows(read(ctas_approach=False))


@step("read_sql_query, ctas_approach=False")
def _():
    frame = read(ctas_approach=False)
    assert len(frame) > 100
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    same("order_number", kinds["order_number"], "Int64")
    same("is_deleted", kinds["is_deleted"], "boolean")
    same("occurred_at", kinds["occurred_at"][:10], "datetime64")
    same("dt", type(frame.dt[0]), datetime.date)
    same("total_price", type(frame.total_price[0]), decimal.Decimal)
    same("cancel_reason is NULL somewhere", bool(frame.cancel_reason.isna().any()), True)
    return f"{len(frame)} rows"


MODES = {
    "ctas_approach=True": {},
    "ctas_approach=True, ctas_parameters": {"ctas_parameters": {"database": SCRATCH, "temp_table_name": "t1", "compression": "zstd"}},
    "ctas_approach=True, keep_files=False": {"keep_files": False, "ctas_parameters": {"database": SCRATCH}},
    "ctas_approach=True, use_threads=False": {"use_threads": False},
    "ctas_approach=True, use_threads=2": {"use_threads": 2},
    "ctas_approach=True, chunksize=True": {"chunksize": True},
    "ctas_approach=True, chunksize=50": {"chunksize": 50},
    "ctas_approach=True, chunksize=50, keep_files=False": {"chunksize": 50, "keep_files": False},
    "ctas_approach=True, pyarrow types": {"dtype_backend": "pyarrow"},
    "ctas_approach=True, categories": {"categories": ["order_name"]},
    "ctas_approach=False, chunksize=50": {"ctas_approach": False, "chunksize": 50},
    "ctas_approach=False, chunksize=True": {"ctas_approach": False, "chunksize": True},
    "ctas_approach=False, use_threads=False": {"ctas_approach": False, "use_threads": False},
    "ctas_approach=False, keep_files=False": {"ctas_approach": False, "keep_files": False},
    "ctas_approach=False, pyarrow types": {"ctas_approach": False, "dtype_backend": "pyarrow"},
    "unload_approach=True": {"ctas_approach": False, "unload_approach": True},
    "unload_approach=True, unload_parameters": {
        "ctas_approach": False,
        "unload_approach": True,
        "unload_parameters": {"file_format": "PARQUET", "compression": "zstd"},
    },
    "unload_approach=True, chunksize=50": {"ctas_approach": False, "unload_approach": True, "chunksize": 50},
    "unload_approach=True, chunksize=True": {"ctas_approach": False, "unload_approach": True, "chunksize": True},
    "unload_approach=True, keep_files=False": {"ctas_approach": False, "unload_approach": True, "keep_files": False},
    "unload_approach=True, pyarrow types": {"ctas_approach": False, "unload_approach": True, "dtype_backend": "pyarrow"},
}
for name, how in MODES.items():

    @step(f"read_sql_query, {name}")
    def _():
        found = rows(whole(read(**how)))
        if name == "ctas_approach=False, pyarrow types":
            # The client reads decimals of CSV as doubles here.
            found = [(*row[:2], decimal.Decimal(str(row[2])), *row[3:]) for row in found]
        same("the number of rows", len(found), len(expected))
        different = [(a, b) for a, b in zip(found, expected, strict=True) if a != b]
        same("the first different row", different[:1], [])


@step("temporary tables are gone")
def _():
    same("tables", names(SCRATCH), [])
    same("tables of the lake", names(LAKE), before)


@step("read_sql_query, workgroup with managed results")
def _():
    frame = wr.athena.read_sql_query(SQL, database=LAKE, ctas_approach=False, workgroup="managed", **QUICK)
    same("the number of rows", len(frame), len(expected))


@step("read_sql_query, no s3_output")
def _():
    frame = wr.athena.read_sql_query("SELECT count(*) AS n FROM shopify_orders", database=LAKE, **QUICK)
    same("n", int(frame.n[0]), len(expected))


@step("read_sql_query, params, named")
def _():
    sql = "SELECT count(*) AS n FROM shopify_orders WHERE currency = :currency AND dt > :day AND total_price > :least AND is_deleted = :gone"
    params = {"currency": "EUR", "day": datetime.date(2020, 1, 1), "least": 0, "gone": False}
    counts = {how: int(read(sql, params=params, ctas_approach=how).n[0]) for how in (True, False)}
    assert counts[True] == counts[False] > 0, counts


@step("read_sql_query, params, qmark")
def _():
    sql = "SELECT count(*) AS n FROM shopify_orders WHERE currency = ? AND total_price > ?"
    counts = [
        int(read(sql, params=["'EUR'", "0"], paramstyle="qmark", ctas_approach=False).n[0]),
        int(read(sql, params=["'EUR'", "0"], paramstyle="qmark", ctas_approach=False, unload_approach=True).n[0]),
    ]
    assert counts[0] == counts[1] > 0, counts


for how in (True, False):

    @step(f"read_sql_query, athena_cache_settings, ctas_approach={how}")
    def _():
        sql = f"SELECT count(*) AS n, '{SCRATCH}' AS who FROM shopify_orders"
        settings = {"max_cache_seconds": 900, "max_cache_query_inspections": 50}
        first = read(sql, ctas_approach=how, athena_cache_settings=settings)
        again = read(sql, ctas_approach=how, athena_cache_settings=settings)
        same("the second answer", again.n[0], first.n[0])
        same("the second query", again.query_metadata["QueryExecutionId"], first.query_metadata["QueryExecutionId"])


@step("read_sql_query, result_reuse_configuration")
def _():
    sql = f"SELECT count(*) AS n, 'reused {SCRATCH}' AS who FROM shopify_orders"
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}
    read(sql, ctas_approach=False, result_reuse_configuration=reuse)
    again = read(sql, ctas_approach=False, result_reuse_configuration=reuse)
    same("reused", again.query_metadata["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"], True)


@step("read_sql_query, client_request_token")
def _():
    token = uuid.uuid4().hex * 2
    ids = {read("SELECT 1 AS one", ctas_approach=False, client_request_token=token).query_metadata["QueryExecutionId"] for _ in range(2)}
    same("the number of queries", len(ids), 1)


@step("read_sql_query, data_source")
def _():
    same("rows", len(read("SELECT 1 AS one", ctas_approach=False, data_source="AwsDataCatalog")), 1)


@refused("read_sql_query, ctas, buckets, which are not written here", "bucketed_by")
def _():
    read(ctas_parameters={"database": SCRATCH, "temp_table_name": "t2", "bucketing_info": (["event_id"], 4)})


@refused("read_sql_query, ctas, gzip, which is not written here", "compression GZIP")
def _():
    read(ctas_parameters={"compression": "gzip"})


NOTHING = SQL.replace("ORDER", "WHERE false ORDER")
for how in (True, False):

    @step(f"read_sql_query, no rows, ctas_approach={how}")
    def _():
        frame = read(NOTHING, ctas_approach=how)
        same("rows and columns", frame.shape, (0, 11))
        same("rows in chunks", sum(len(chunk) for chunk in read(NOTHING, chunksize=10, ctas_approach=how)), 0)


@refused("read_sql_query, no rows, unload_approach=True (the client itself: there is no file)", "empty dataframe")
def _():
    read(NOTHING, ctas_approach=False, unload_approach=True)


@step("read_sql_query, every type")
def _():
    sql = """SELECT TRUE AS b, CAST(1 AS tinyint) AS t, CAST(2 AS smallint) AS s, 3 AS i, CAST(4 AS bigint) AS l, CAST(1.5 AS real) AS r,
      1.25e0 AS d, CAST('12.3400' AS decimal(18,4)) AS m, 'ä"b,\nc' AS v, '' AS nothing, CAST(NULL AS varchar) AS none, DATE '2026-03-01' AS day,
      TIMESTAMP '2026-03-01 01:02:03.456' AS time, X'0aff' AS bin, ARRAY[1,2] AS a, MAP(ARRAY['k'], ARRAY[1]) AS m2, CAST(ROW(1,'x') AS ROW(p integer, q varchar)) AS o"""
    found = {}
    for name, mode in {"ctas": {}, "unload": {"ctas_approach": False, "unload_approach": True}, "csv": {"ctas_approach": False}}.items():
        frame = read(sql, **mode)
        found[name] = frame.iloc[0].to_dict()
        row = found[name]
        same(f"{name} decimal", row["m"], decimal.Decimal("12.3400"))
        same(f"{name} text", row["v"], 'ä"b,\nc')
        same(f"{name} date", row["day"], datetime.date(2026, 3, 1))
        same(f"{name} time", pd.Timestamp(row["time"]), pd.Timestamp("2026-03-01 01:02:03.456"))
        same(f"{name} NULL", bool(pd.isna(row["none"])), True)
        # The client takes the text of CSV for the bytes.
        same(f"{name} bytes", row["bin"], b"0a ff" if name == "csv" else b"\x0a\xff")
    for name in ("ctas", "unload"):
        same(f"{name} array", list(found[name]["a"]), [1, 2])
        same(f"{name} map", list(found[name]["m2"]), [("k", 1)])
        same(f"{name} row", found[name]["o"], {"p": 1, "q": "x"})
        same(f"{name} empty text", found[name]["nothing"], "")


@refused("read_sql_query, a column that is not there", "COLUMN_NOT_FOUND", "nope")
def _():
    read("SELECT nope FROM shopify_orders", ctas_approach=False)


@refused("read_sql_query, ctas, the same name twice", "a")
def _():
    read("SELECT 1 AS a, 2 AS a")


@refused("read_sql_query, ctas, a time with zone", "NOT_SUPPORTED", "timestamp", "with time zone")
def _():
    read("SELECT TIMESTAMP '2026-03-01 00:00:00 UTC' AS t")


for how in ({}, {"ctas_approach": False}, {"ctas_approach": False, "unload_approach": True}):

    @step(f"read_sql_table, {how or 'ctas_approach=True'}")
    def _():
        frame = wr.athena.read_sql_table("shopify_orders", database=LAKE, s3_output=f"{RESULTS}{uuid.uuid4().hex}/", **how)
        same("the number of rows", len(frame), len(expected))
        frame = wr.athena.read_sql_table("orders_current", database=LAKE, s3_output=f"{RESULTS}{uuid.uuid4().hex}/", chunksize=100, **how)
        same("chunks of a view", all(len(chunk) <= 100 for chunk in frame), True)


@step("get_query_columns_types, get_query_execution(s), list_query_executions, get_work_group")
def _():
    id = wr.athena.start_query_execution(SQL, database=LAKE, s3_output=RESULTS)
    same("state", wr.athena.wait_query(id, athena_query_wait_polling_delay=0.1)["Status"]["State"], "SUCCEEDED")
    types = wr.athena.get_query_columns_types(id)
    same("total_price", types["total_price"], "decimal(18,4)")
    same("discount_codes", types["discount_codes"], "array")
    same("id", wr.athena.get_query_execution(id)["QueryExecutionId"], id)
    found, missed = wr.athena.get_query_executions([id, str(uuid.uuid4())], return_unprocessed=True)
    same("found and not", (len(found), len(missed)), (1, 1))
    assert id in wr.athena.list_query_executions()
    same("name", wr.athena.get_work_group("primary")["WorkGroup"]["Name"], "primary")
    same("rows", len(wr.athena.get_query_results(id)), len(expected))


@step("start_query_execution, wait=True; stop_query_execution")
def _():
    same("state", wr.athena.start_query_execution("SELECT 1", database=LAKE, s3_output=RESULTS, wait=True)["Status"]["State"], "SUCCEEDED")
    long = """SELECT sum(length(a.event_id) * length(b.event_id) * length(c.event_id) * length(d.event_id))
      FROM game_events a CROSS JOIN game_events b CROSS JOIN game_events c CROSS JOIN game_events d"""
    id = wr.athena.start_query_execution(long, database=LAKE, s3_output=RESULTS)
    wr.athena.stop_query_execution(id)
    try:
        wr.athena.wait_query(id, athena_query_wait_polling_delay=0.1)
    except wr.exceptions.QueryCancelled:
        return
    raise AssertionError("it ended by itself")


@step("create_ctas_table, partitioned, without rows, with parameters")
def _():
    for index, how in enumerate(
        [
            {"storage_format": "parquet", "write_compression": "snappy"},
            {"storage_format": "parquet", "partitioning_info": ["dt"]},
            {"storage_format": "parquet", "schema_only": True},
            {"params": {"shop": "%"}, "storage_format": "parquet"},
        ]
    ):
        sql = "SELECT event_id, total_price, dt FROM shopify_orders" + (" WHERE account LIKE :shop" if "params" in how else "")
        answer = wr.athena.create_ctas_table(
            sql, database=LAKE, ctas_database=SCRATCH, ctas_table=f"made_{index}", s3_output=f"{PLACE}made_{index}/", wait=True, **QUICK, **how
        )
        same("table", answer["ctas_table"], f"made_{index}")
        count = int(read(f"SELECT count(*) AS n FROM made_{index}", database=SCRATCH, ctas_approach=False).n[0])
        same(f"{how}: rows", count, 0 if "schema_only" in how else len(expected))


for name in ("orc", "avro", "json", "textfile"):

    @step(f"create_ctas_table, {name}")
    def _():
        try:
            wr.athena.create_ctas_table(
                "SELECT 1 AS one", database=LAKE, ctas_database=SCRATCH, ctas_table=f"as_{name}", s3_output=f"{PLACE}{name}/", storage_format=name, wait=True, **QUICK
            )
        except wr.exceptions.QueryFailed as error:
            assert name in str(error).lower(), error
            return f"refused: {error}"
        same("rows", len(read(f"SELECT * FROM as_{name}", database=SCRATCH, ctas_approach=False)), 1)


@step("unload, in every format")
def _():
    meta = wr.athena.unload("SELECT event_id, total_price, dt FROM shopify_orders", path=f"{PLACE}unloaded/", database=LAKE, **QUICK)
    # The client has the list of files and their metadata written into the same folder.
    beside = [".csv", ".metadata"]
    frame = wr.s3.read_parquet(f"{PLACE}unloaded/", path_ignore_suffix=beside)
    same("rows", len(frame), len(expected))
    wr.athena.unload("SELECT event_id, total_price, CAST(dt AS varchar) AS dt FROM shopify_orders", path=f"{PLACE}by_day/", database=LAKE, partitioned_by=["dt"], **QUICK)
    frame = wr.s3.read_parquet(f"{PLACE}by_day/", dataset=True, path_ignore_suffix=beside)
    same("rows, partitioned", len(frame), len(expected))
    assert meta.execution_id


for name, extension in {"JSON": "json", "TEXTFILE": "csv", "ORC": "orc", "AVRO": "avro"}.items():

    @step(f"unload, {name}")
    def _():
        how = {"field_delimiter": ","} if name == "TEXTFILE" else {}
        try:
            wr.athena.unload("SELECT event_id, line_item_count FROM shopify_orders", path=f"{PLACE}un_{extension}/", database=LAKE, file_format=name, **QUICK, **how)
        except wr.exceptions.QueryFailed as error:
            assert name in str(error).upper(), error
            return f"refused: {error}"
        keys = wr.s3.list_objects(f"{PLACE}un_{extension}/")
        assert keys
        return f"{len(keys)} files"


@step("describe_table, show_create_table, generate_create_query")
def _():
    frame = wr.athena.describe_table("shopify_orders", database=LAKE, s3_output=RESULTS)
    same("columns", list(frame.columns), ["Column Name", "Type", "Partition", "Comment"])
    names = list(frame["Column Name"])
    assert names[0] == "event_id" and names[-1] == "dt", names
    same("partition", list(frame.loc[frame["Partition"], "Column Name"]), ["dt"])
    text = wr.athena.show_create_table("shopify_orders", database=LAKE, s3_output=RESULTS)
    assert "CREATE EXTERNAL TABLE" in text and "table_type" in text.lower(), text
    text = wr.athena.generate_create_query("shopify_orders", database=LAKE)
    assert "CREATE EXTERNAL TABLE" in text, text
    text = wr.athena.generate_create_query("orders_current", database=LAKE)
    assert "CREATE OR REPLACE VIEW" in text and "shopify_orders" in text, text
    text = wr.athena.show_create_table("made_1", database=SCRATCH, s3_output=RESULTS)
    assert "PARTITIONED BY" in text, text


@step("repair_table")
def _():
    wr.s3.to_parquet(pd.DataFrame({"x": [1]}), f"{PLACE}repaired/day=2026-01-01/a.parquet")
    wr.catalog.create_parquet_table(SCRATCH, "repaired", f"{PLACE}repaired/", {"x": "bigint"}, partitions_types={"day": "string"})
    same("before", len(wr.catalog.get_partitions(SCRATCH, "repaired")), 0)
    same("state", wr.athena.repair_table("repaired", database=SCRATCH, s3_output=RESULTS), "SUCCEEDED")
    same("after", list(wr.catalog.get_partitions(SCRATCH, "repaired").values()), [["2026-01-01"]])
    same("rows", read("SELECT x, day FROM repaired", database=SCRATCH, ctas_approach=False).values.tolist(), [[1, "2026-01-01"]])


@step("prepared statements")
def _():
    name = f"p_{SCRATCH}"
    wr.athena.create_prepared_statement("SELECT count(*) AS n FROM shopify_orders WHERE currency = ?", statement_name=name)
    wr.athena.create_prepared_statement("SELECT count(*) AS n FROM shopify_orders WHERE currency <> ?", statement_name=name, mode="update")
    assert name in [entry["StatementName"] for entry in wr.athena.list_prepared_statements()]
    frame = read(f"EXECUTE {name} USING 'nothing'", ctas_approach=False)
    same("n", int(frame.n[0]), len(expected))
    frame = read(f"EXECUTE {name}", ctas_approach=False, params=["'nothing'"], paramstyle="qmark")
    same("n", int(frame.n[0]), len(expected))
    wr.athena.delete_prepared_statement(name)
    assert name not in [entry["StatementName"] for entry in wr.athena.list_prepared_statements()]


@step("get_named_query_statement")
def _():
    id = boto3.client("athena").create_named_query(Name="n", Database=LAKE, QueryString="SELECT 1")["NamedQueryId"]
    same("statement", wr.athena.get_named_query_statement(id), "SELECT 1")


FRAME = pd.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["a", None, ""],
        "amount": [decimal.Decimal("1.20"), None, decimal.Decimal("3.40")],
        "ok": [True, False, None],
        "time": pd.to_datetime(["2026-01-01 01:02:03.456", None, "2026-01-03 00:00:00.000"]),
        "day": [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2), None],
        "tags": [["x", "y"], [], None],
        "p": ["one", "one", "two"],
    }
)


@step("s3.to_parquet, dataset with catalogue: overwrite, append, overwrite_partitions; read through Athena")
def _():
    how = {"path": f"{PLACE}sales/", "dataset": True, "database": SCRATCH, "table": "sales", "partition_cols": ["p"]}
    wr.s3.to_parquet(FRAME, mode="overwrite", **how)
    wr.s3.to_parquet(FRAME, mode="append", **how)
    same("rows", len(read("SELECT * FROM sales", database=SCRATCH, ctas_approach=False)), 6)
    wr.s3.to_parquet(FRAME[FRAME.p == "two"], mode="overwrite_partitions", **how)
    frame = read("SELECT p, count(*) AS n FROM sales GROUP BY p ORDER BY p", database=SCRATCH)
    same("rows a partition", frame.values.tolist(), [["one", 4], ["two", 1]])
    frame = read("SELECT * FROM sales ORDER BY id LIMIT 1", database=SCRATCH)
    same("row", (frame.amount[0], list(frame.tags[0]), frame.p[0]), (decimal.Decimal("1.20"), ["x", "y"], "one"))
    same("empty text", list(read("SELECT id FROM sales WHERE name = ''", database=SCRATCH).id), [3])
    same("read_parquet_table", len(wr.s3.read_parquet_table("sales", database=SCRATCH)), 5)
    wider = FRAME.assign(new=1.5)
    wr.s3.to_parquet(wider, mode="append", schema_evolution=True, **how)
    same("new column", int(read("SELECT count(new) AS n FROM sales", database=SCRATCH).n[0]), 3)


@refused("s3.to_parquet with partition projection, read through Athena", "partition projection")
def _():
    wr.s3.to_parquet(
        FRAME[["id", "p"]],
        path=f"{PLACE}projected/",
        dataset=True,
        database=SCRATCH,
        table="projected",
        partition_cols=["p"],
        athena_partition_projection_settings={"projection_types": {"p": "enum"}, "projection_values": {"p": "one,two"}},
    )
    same("rows", len(read("SELECT * FROM projected WHERE p = 'one'", database=SCRATCH, ctas_approach=False)), 2)


@step("s3.to_csv with catalogue")
def _():
    wr.s3.to_csv(FRAME[["id", "name", "p"]], path=f"{PLACE}csv/", dataset=True, database=SCRATCH, table="as_csv", index=False, sep=",", mode="overwrite")
    same("rows", len(read("SELECT * FROM as_csv", database=SCRATCH, ctas_approach=False)), 3)


@step("s3.to_json with catalogue")
def _():
    wr.s3.to_json(FRAME[["id", "name", "p"]], path=f"{PLACE}json_table/", dataset=True, database=SCRATCH, table="as_json_table", index=False, orient="records", lines=True, mode="overwrite")
    frame = read("SELECT * FROM as_json_table ORDER BY id", database=SCRATCH, ctas_approach=False)
    same("ids", list(frame.id), [1, 2, 3])


@step("s3: csv, json and parquet there and back; list, describe, size, copy, delete, wait")
def _():
    plain_frame = FRAME[["id", "p"]]
    wr.s3.to_csv(plain_frame, f"{PLACE}f/a.csv", index=False)
    wr.s3.to_json(plain_frame, f"{PLACE}f/a.json", orient="records", lines=True)
    wr.s3.to_parquet(plain_frame, f"{PLACE}f/a.parquet")
    wr.s3.to_parquet(plain_frame, f"{PLACE}f/ä b+c.parquet")
    for frame in (
        wr.s3.read_csv(f"{PLACE}f/a.csv"),
        wr.s3.read_json(f"{PLACE}f/a.json", orient="records", lines=True),
        wr.s3.read_parquet(f"{PLACE}f/a.parquet"),
        wr.s3.read_parquet(f"{PLACE}f/ä b+c.parquet"),
    ):
        same("frame", frame.values.tolist(), plain_frame.values.tolist())
    same("chunks", [len(chunk) for chunk in wr.s3.read_csv(f"{PLACE}f/a.csv", chunksize=2)], [2, 1])
    same("objects", len(wr.s3.list_objects(f"{PLACE}f/")), 4)
    same("directories", wr.s3.list_directories(PLACE + "f")[:1], [PLACE + "f/"])
    assert all(size > 0 for size in wr.s3.size_objects(f"{PLACE}f/").values())
    assert wr.s3.describe_objects([f"{PLACE}f/a.csv"])[f"{PLACE}f/a.csv"]["ContentLength"] > 0
    wr.s3.copy_objects([f"{PLACE}f/a.csv"], source_path=f"{PLACE}f/", target_path=f"{PLACE}g/")
    same("copied", wr.s3.does_object_exist(f"{PLACE}g/a.csv"), True)
    wr.s3.wait_objects_exist([f"{PLACE}g/a.csv"])
    wr.s3.delete_objects(f"{PLACE}g/")
    same("deleted", wr.s3.does_object_exist(f"{PLACE}g/a.csv"), False)
    assert BUCKET in wr.s3.list_buckets()
    same("region", wr.s3.get_bucket_region(BUCKET), "us-east-1")
    types, _ = wr.s3.read_parquet_metadata(f"{PLACE}f/a.parquet")
    same("id", types["id"], "bigint")


@step("s3.store_parquet_metadata")
def _():
    wr.s3.to_parquet(FRAME, f"{PLACE}crawled/", dataset=True, partition_cols=["p"])
    types, partitions, values = wr.s3.store_parquet_metadata(f"{PLACE}crawled/", database=SCRATCH, table="crawled", dataset=True)
    same("partitions", (list(partitions), len(values)), (["p"], 2))
    same("rows", len(read("SELECT * FROM crawled", database=SCRATCH, ctas_approach=False)), 3)


@step("s3.read_deltalake")
def _():
    os.environ["AWS_ALLOW_HTTP"] = "true"
    location = wr.catalog.get_table_location(LAKE, "shopify_orders")
    frame = wr.s3.read_deltalake(location)
    same("rows", len(frame), len(expected))


@step("catalog: databases, tables, types, comments, parameters, versions, partitions")
def _():
    assert LAKE in list(wr.catalog.databases().Database)
    assert "shopify_orders" in list(wr.catalog.tables(database=LAKE, limit=1000).Table)
    same("exists", (wr.catalog.does_table_exist(LAKE, "shopify_orders"), wr.catalog.does_table_exist(LAKE, "nope")), (True, False))
    types = wr.catalog.get_table_types(LAKE, "shopify_orders")
    same("types", (types["total_price"], types["dt"], types["discount_codes"]), ("decimal(18,4)", "date", "array<string>"))
    same("table", "Column Name" in wr.catalog.table(LAKE, "shopify_orders").columns, True)
    same("prefix", {t["Name"][:8] for t in wr.catalog.get_tables(database=LAKE, name_prefix="shopify_")}, {"shopify_"})
    same("suffix", [t["Name"] for t in wr.catalog.get_tables(database=LAKE, name_suffix="_orders")], ["shopify_orders"])
    same("contains", [t["Name"] for t in wr.catalog.get_tables(database=LAKE, name_contains="fy_ord")], ["shopify_order_lines", "shopify_orders"])
    wr.catalog.upsert_table_parameters({"owner": "us"}, SCRATCH, "sales")
    same("parameter", wr.catalog.get_table_parameters(SCRATCH, "sales")["owner"], "us")
    wr.catalog.overwrite_table_parameters({**wr.catalog.get_table_parameters(SCRATCH, "sales"), "owner": "them"}, SCRATCH, "sales")
    same("parameter", wr.catalog.get_table_parameters(SCRATCH, "sales")["owner"], "them")
    assert wr.catalog.get_table_number_of_versions(SCRATCH, "sales") >= 1
    assert wr.catalog.get_table_versions(SCRATCH, "sales")
    wr.catalog.add_column(SCRATCH, "sales", "extra", "string", "said later")
    same("comment", wr.catalog.get_columns_comments(SCRATCH, "sales")["extra"], "said later")
    wr.catalog.delete_column(SCRATCH, "sales", "extra")
    same("values", sorted(sum(wr.catalog.get_parquet_partitions(SCRATCH, "sales").values(), [])), ["one", "two"])
    same("some", list(wr.catalog.get_partitions(SCRATCH, "sales", expression="p = 'two'").values()), [["two"]])
    wr.catalog.add_parquet_partitions(SCRATCH, "sales", {f"{PLACE}sales/p=three/": ["three"]})
    wr.catalog.delete_partitions("sales", SCRATCH, [["three"]])
    wr.catalog.delete_all_partitions("sales", SCRATCH)
    same("left", len(wr.catalog.get_partitions(SCRATCH, "sales")), 0)
    wr.catalog.create_csv_table(SCRATCH, "c", f"{PLACE}c/", {"a": "string"})
    wr.catalog.create_json_table(SCRATCH, "j", f"{PLACE}j/", {"a": "string"})
    same("deleted", (wr.catalog.delete_table_if_exists(SCRATCH, "c"), wr.catalog.delete_table_if_exists(SCRATCH, "c")), (True, False))


@step("catalog.search_tables")
def _():
    try:
        found = [table["Name"] for table in wr.catalog.search_tables("shopify_orders")]
    except Exception as error:
        assert "SearchTables" in str(error), error
        return f"refused: {error}"
    assert "shopify_orders" in found, found


@refused("athena.to_iceberg", "iceberg")
def _():
    wr.athena.to_iceberg(FRAME[["id", "p"]], SCRATCH, "ice", temp_path=f"{PLACE}ice_tmp/", table_location=f"{PLACE}ice/", s3_output=RESULTS)


@refused("athena.create_spark_session", "StartSession")
def _():
    wr.athena.create_spark_session("primary")


@step("settings by wr.config")
def _():
    wr.config.s3_output = RESULTS
    wr.config.workgroup = "primary"
    wr.config.database = LAKE
    same("rows", len(wr.athena.read_sql_query("SELECT 1 AS one", ctas_approach=False)), 1)


@step("what was made is taken away")
def _():
    for table in wr.catalog.get_tables(database=SCRATCH):
        wr.catalog.delete_table_if_exists(SCRATCH, table["Name"])
    wr.catalog.delete_database(SCRATCH)
    wr.s3.delete_objects(PLACE)
    wr.s3.delete_objects(RESULTS)
    same("objects", wr.s3.list_objects(PLACE), [])


end("awswrangler")
