"""What Superset asks of Athena, through the PyAthena and SQLAlchemy that it pins: connecting, the lists of its SQL Lab, previews,
charts by every time grain, filters, EXPLAIN, errors. Superset itself is not needed.

The time grains and the ways to write a date are those of Superset 6.1's `db_engine_specs/athena.py`.
"""

import datetime
import re
from urllib.parse import quote_plus

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.sql import text
from steps import BUCKET, ENDPOINT, LAKE, REGION, end, refused, same, step

URL = (
    f"awsathena+rest://local:local@athena.{REGION}.amazonaws.com:443/{LAKE}"
    f"?s3_staging_dir={quote_plus(f's3://{BUCKET}/answers/')}&endpoint_url={quote_plus(ENDPOINT)}&poll_interval=0.1"
)
GRAINS = {
    "second": "date_trunc('second', CAST({col} AS TIMESTAMP))",
    "minute": "date_trunc('minute', CAST({col} AS TIMESTAMP))",
    "hour": "date_trunc('hour', CAST({col} AS TIMESTAMP))",
    "day": "date_trunc('day', CAST({col} AS TIMESTAMP))",
    "week": "date_trunc('week', CAST({col} AS TIMESTAMP))",
    "month": "date_trunc('month', CAST({col} AS TIMESTAMP))",
    "quarter": "date_trunc('quarter', CAST({col} AS TIMESTAMP))",
    "year": "date_trunc('year', CAST({col} AS TIMESTAMP))",
    "week ending on Saturday": "date_add('day', 5, date_trunc('week', date_add('day', 1, CAST({col} AS TIMESTAMP))))",
    "week starting on Sunday": "date_add('day', -1, date_trunc('week', date_add('day', 1, CAST({col} AS TIMESTAMP))))",
}
engine = sa.create_engine(URL, poolclass=sa.pool.NullPool)


def ask(sql):
    """As SQL Lab asks: a raw cursor, its description, all rows."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(sql)
        return [column[0] for column in cursor.description or []], cursor.fetchall()
    finally:
        raw.close()


orders = ask("SELECT count(*) AS n FROM shopify_orders")[1][0][0]


@step("versions")
def _():
    import pyathena

    same("SQLAlchemy", sa.__version__.split(".")[0], "1")
    same("PyAthena", pyathena.__version__.split(".")[0], "2")
    return f"SQLAlchemy {sa.__version__}, PyAthena {pyathena.__version__}, {orders} orders"


@step("test of the connection: do_ping, SELECT 1")
def _():
    with engine.connect() as connection:
        same("ping", engine.dialect.do_ping(connection.connection.connection), True)
        same("row", connection.scalar(sa.select([sa.literal(1)])), 1)


@step("schemas, tables, views")
def _():
    inspector = sa.inspect(engine)
    assert LAKE in inspector.get_schema_names()
    tables, views = inspector.get_table_names(schema=LAKE), inspector.get_view_names(schema=LAKE)
    assert "shopify_orders" in tables and "orders_current" in views, (tables, views)
    assert "orders_current" not in tables, "a view among the tables"
    same("default schema", "shopify_orders" in inspector.get_table_names(), True)


@step("columns, has_table, keys, indexes, comment, view definition")
def _():
    inspector = sa.inspect(engine)
    columns = {column["name"]: column["type"] for column in inspector.get_columns("shopify_orders", schema=LAKE)}
    same("money", (type(columns["total_price"]).__name__, columns["total_price"].precision, columns["total_price"].scale), ("DECIMAL", 18, 4))
    same("dt", type(columns["dt"]).__name__, "DATE")
    same("occurred_at", type(columns["occurred_at"]).__name__, "TIMESTAMP")
    same("columns of a view", [c["name"] for c in inspector.get_columns("orders_current", schema=LAKE)][:2] != [], True)
    same("has_table", (inspector.has_table("shopify_orders", LAKE), inspector.has_table("nope", LAKE)), (True, False))
    same("keys", inspector.get_pk_constraint("shopify_orders", LAKE)["constrained_columns"] if inspector.get_pk_constraint("shopify_orders", LAKE) else [], [])
    same("foreign keys", inspector.get_foreign_keys("shopify_orders", LAKE), [])
    inspector.get_indexes("shopify_orders", LAKE)
    inspector.get_table_comment("shopify_orders", LAKE)


@step("reflection")
def _():
    table = sa.Table("shopify_refunds", sa.MetaData(schema=LAKE), autoload_with=engine)
    with engine.connect() as connection:
        connection.execute(sa.select([sa.func.count()]).select_from(table)).scalar()
        query = sa.select([table.c.event_id]).where(table.c.dt >= datetime.date(2020, 1, 1)).order_by(table.c.event_id.desc()).limit(1)
        connection.execute(query).fetchall()


@step("preview of a table: all columns by name, LIMIT 101")
def _():
    names = [column["name"] for column in sa.inspect(engine).get_columns("shopify_orders", schema=LAKE)]
    listed = ", ".join(f'"{name}"' for name in names)
    found, rows = ask(f'SELECT {listed}\nFROM "{LAKE}"."shopify_orders"\nLIMIT 101')
    same("columns", found, names)
    same("rows", len(rows), min(101, orders))


@step("SQL Lab: comments, a final semicolon, LIMIT 1001")
def _():
    same("rows", len(ask("-- who\n/* what */ SELECT order_id\nFROM shopify_orders\nLIMIT 1001;")[1]), orders)


@step("SQL Lab: CREATE TABLE AS and CREATE VIEW of a query")
def _():
    for kind in ("TABLE", "VIEW"):
        name = f"superset_{kind.lower()}"
        ask(f"DROP {kind} IF EXISTS {LAKE}.{name}")
        ask(f"CREATE {kind} {LAKE}.{name} AS \nSELECT order_id, total_price FROM shopify_orders")
        same(kind, ask(f"SELECT count(*) FROM {LAKE}.{name}")[1][0][0], orders)
        ask(f"DROP {kind} {LAKE}.{name}")


for name, grain in GRAINS.items():

    @step(f"chart by {name}")
    def _():
        column = grain.format(col="occurred_at")
        # As Superset writes a time series: the grain grouped by, a time range, the largest first, a limit.
        frame = pd.read_sql_query(
            text(
                f"""SELECT {column} AS "__timestamp", "source_name" AS "source_name", COUNT(*) AS "count", SUM(total_price) AS "SUM(total_price)"
FROM "{LAKE}"."shopify_orders"
WHERE "occurred_at" >= TIMESTAMP '2020-01-01 00:00:00.000' AND "occurred_at" < TIMESTAMP '2100-01-01 00:00:00.000' AND "dt" >= DATE '2020-01-01'
GROUP BY {column}, "source_name"
ORDER BY "count" DESC
LIMIT 10000"""
            ),
            engine,
        )
        same("orders", int(frame["count"].sum()), orders)
        same("dtype", str(frame["__timestamp"].dtype)[:10], "datetime64")
        spans = frame["__timestamp"]
        if name == "week ending on Saturday":
            same("weekdays", set(spans.dt.dayofweek), {5})
        if name == "week starting on Sunday":
            same("weekdays", set(spans.dt.dayofweek), {6})


@step("chart of series: a subquery of the first groups, joined")
def _():
    frame = pd.read_sql_query(
        text(
            f"""SELECT date_trunc('day', CAST(occurred_at AS TIMESTAMP)) AS "__timestamp", currency AS currency, count(*) AS count
FROM {LAKE}.shopify_orders
JOIN (SELECT currency AS currency__, count(*) AS mme_inner__ FROM {LAKE}.shopify_orders GROUP BY currency ORDER BY mme_inner__ DESC LIMIT 5) AS anon_1
  ON currency = currency__
GROUP BY date_trunc('day', CAST(occurred_at AS TIMESTAMP)), currency ORDER BY count DESC LIMIT 1000"""
        ),
        engine,
    )
    same("orders", int(frame["count"].sum()), orders)


@step("chart of a saved query, with filters: IN, NOT IN, LIKE, IS NULL, = true, COUNT(DISTINCT …)")
def _():
    sql = f"""SELECT COUNT(DISTINCT order_id) AS "COUNT_DISTINCT(order_id)", AVG(total_price) AS "AVG(total_price)", MAX(occurred_at) AS "MAX(occurred_at)"
FROM (SELECT * FROM {LAKE}.orders_current) AS virtual_table
WHERE currency IN ('EUR', 'USD') AND (source_name NOT IN ('pos') OR source_name IS NULL) AND order_name LIKE '%1%' AND test = false AND cancel_reason IS NULL
LIMIT 50000"""
    names, rows = ask(sql)
    # Athena writes names small, which Superset knows (`_mutate_label`).
    same("names", names, ["count_distinct(order_id)", "avg(total_price)", "max(occurred_at)"])
    same("rows", len(rows), 1)


@step("values of a filter, partitions, a percentage in the text")
def _():
    ask(f"SELECT DISTINCT currency AS currency FROM {LAKE}.shopify_orders ORDER BY currency ASC LIMIT 1000")
    ask(f"SHOW PARTITIONS {LAKE}.shopify_orders")
    same("percent", ask("SELECT '100%' AS share")[1], [("100%",)])
    with engine.connect() as connection:
        same("percent and parameter", connection.execute(text("SELECT '5%' || :word AS share"), {"word": "a:b'c"}).scalar(), "5%a:b'c")


@step("EXPLAIN")
def _():
    names, rows = ask(f"EXPLAIN SELECT count(*) FROM {LAKE}.shopify_orders")
    assert rows and len("".join(str(row[0]) for row in rows)) > 20, rows


@step("pandas.read_sql of a statement, a table, in chunks, with times")
def _():
    same("statement", len(pd.read_sql("SELECT * FROM shopify_orders", engine)), orders)
    same("table", len(pd.read_sql_table("shopify_orders", engine, schema=LAKE, columns=["order_id", "dt"])), orders)
    same("chunks", sum(len(part) for part in pd.read_sql_query("SELECT order_id FROM shopify_orders", engine, chunksize=50)), orders)
    frame = pd.read_sql("SELECT occurred_at, dt FROM shopify_orders", engine, parse_dates=["dt"])
    same("types", [str(kind)[:10] for kind in frame.dtypes], ["datetime64", "datetime64"])


@step("PandasCursor")
def _():
    from pyathena import connect
    from pyathena.pandas.cursor import PandasCursor

    cursor = connect(s3_staging_dir=f"s3://{BUCKET}/answers/", region_name=REGION, schema_name=LAKE, cursor_class=PandasCursor, poll_interval=0.1).cursor()
    same("rows", len(cursor.execute("SELECT * FROM shopify_orders").as_pandas()), orders)


@refused("a mistake in the statement, which Superset looks for by its words", "mismatched input", "Expecting")
def _():
    try:
        ask("SELECT order_id FRM shopify_orders WHERE")
    except Exception as error:
        found = re.search(": mismatched input '(?P<syntax_error>.*?)'. Expecting: ", str(error))
        assert found, f"its pattern does not match: {error}"
        raise


@refused("a column that is not there", "COLUMN_NOT_FOUND", "nope")
def _():
    ask("SELECT nope FROM shopify_orders")


@refused("a table that is not there", "TABLE_NOT_FOUND", "nope")
def _():
    ask("SELECT * FROM nope")


registry.load("awsathena.rest")
end("Superset's PyAthena and SQLAlchemy")
