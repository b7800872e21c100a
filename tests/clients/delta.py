"""DuckDB and Polars over the lake's Delta tables, as their pages beside the queries say: no Athena is asked but for the comparison.

Nothing is stored about the lake: DuckDB gets a secret, Polars takes the exported variables.
"""

import os
import pathlib
import sys

import deltalake
import duckdb
import polars as pl
from steps import BUCKET, ENDPOINT, LAKE, REGION, end, refused, same, step

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))
from lake import Lake, default_binary  # noqa: E402

lake = Lake(os.environ.get("FRESHET", default_binary()), {})
PLACES = {entry["name"]: entry["location"].rstrip("/") for entry in lake.tables() if entry["rows"]}
TABLES = list(PLACES)


def place(table):
    return PLACES.get(table, f"s3://{BUCKET}/tables/{table}")


def count(table):
    return int(lake.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


counts = {table: count(table) for table in TABLES}
base = duckdb.connect()


def connect():
    """DuckDB with its extensions, from the folder of the Python package where there is one."""
    for name in ("httpfs", "delta"):
        try:
            import duckdb_ext

            found = list(pathlib.Path(list(duckdb_ext.__path__)[0]).rglob(f"{name}.duckdb_extension"))
            base.execute(f"INSTALL '{found[0]}'")
        except ImportError:
            base.execute(f"INSTALL {name}")
        base.execute(f"LOAD {name}")
    host = ENDPOINT.removeprefix("http://")
    base.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID 'local', SECRET 'local', REGION '{REGION}', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)"
    )


@step("DuckDB: extensions and secret")
def _():
    connect()
    return duckdb.__version__


@step("DuckDB: delta_scan of every table")
def _():
    found = {table: base.execute(f"SELECT count(*) FROM delta_scan('{place(table)}')").fetchone()[0] for table in TABLES}
    same("rows", found, counts)
    return f"{len(found)} tables, {sum(found.values())} rows"


@step("DuckDB: sums and days as Athena has them")
def _():
    sql = "SELECT dt, count(*) AS n, sum(total_price) AS money FROM {} WHERE dt >= DATE '2020-01-01' GROUP BY dt ORDER BY dt"
    found = [(str(day), n, str(money)) for day, n, money in base.execute(sql.format(f"delta_scan('{place('shopify_orders')}')")).fetchall()]
    expected = [(row["dt"], int(row["n"]), str(row["money"])) for row in lake.rows(sql.format("shopify_orders"))]
    same("days", found, expected)


@step("DuckDB: ATTACH a table")
def _():
    base.execute(f"ATTACH '{place('shopify_orders')}' AS orders (TYPE delta)")
    same("rows", base.execute("SELECT count(*) FROM orders").fetchone()[0], counts["shopify_orders"])


@step("DuckDB: read_parquet of a day's files")
def _():
    files = base.execute(f"SELECT count(*) FROM glob('{place('shopify_orders')}/dt=*/*.parquet')").fetchone()[0]
    assert files > 0
    base.execute(f"SELECT count(*) FROM read_parquet('{place('shopify_orders')}/dt=*/*.parquet', hive_partitioning = true)").fetchone()


@step("DuckDB: a table by deltalake and Arrow, without an extension")
def _():
    orders = deltalake.DeltaTable(place("shopify_orders"), storage_options={"allow_http": "true"}).to_pyarrow_dataset()  # noqa: F841
    same("rows", duckdb.sql("SELECT count(*) FROM orders").fetchone()[0], counts["shopify_orders"])


@step("Polars: scan_delta of every table")
def _():
    found = {table: pl.scan_delta(place(table), storage_options={"allow_http": "true"}).select(pl.len()).collect().item() for table in TABLES}
    same("rows", found, counts)


@step("Polars: read_delta, a filter on the day, an earlier version")
def _():
    options = {"allow_http": "true"}
    frame = pl.scan_delta(place("shopify_orders"), storage_options=options)
    expected = int(lake.rows("SELECT count(*) AS n FROM shopify_orders WHERE dt = (SELECT max(dt) FROM shopify_orders)")[0]["n"])
    same("rows of a day", frame.filter(pl.col("dt") == pl.col("dt").max()).select(pl.len()).collect().item(), expected)
    same("money", str(frame.collect_schema()["total_price"]), "Decimal(precision=18, scale=4)")
    same("rows", len(pl.read_delta(place("shopify_orders"), storage_options=options)), counts["shopify_orders"])
    same("version 0", len(pl.read_delta(place("shopify_orders"), version=0, storage_options=options)) <= counts["shopify_orders"], True)


@step("Polars and DuckDB: a view by freshet query --format parquet")
def _():
    path = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"{LAKE}-{os.getpid()}.parquet"
    try:
        lake.command("query", "--sql", "SELECT * FROM orders_current", "--format", "parquet", "--output", str(path))
        frame = pl.read_parquet(path)
        same("rows", len(frame), int(lake.rows("SELECT count(*) AS n FROM orders_current")[0]["n"]))
        same("duckdb", duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchone()[0], len(frame))
    finally:
        path.unlink(missing_ok=True)


@step("freshet query --format csv: Excel's way in, with a mark of the encoding, read back by the csv module")
def _():
    import csv

    text = lake.command("query", "--sql", "SELECT order_name, total_price, landing_site, discount_codes FROM shopify_orders", "--format", "csv")
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    same("rows", len(rows), counts["shopify_orders"])
    marked = "\ufeff" + text
    same("mark", marked.encode("utf-8")[:3], b"\xef\xbb\xbf")


@refused("a table that is not there", "nope")
def _():
    base.execute(f"SELECT * FROM delta_scan('{place('nope')}')").fetchall()


end("DuckDB and Polars")
