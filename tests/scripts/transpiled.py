"""A second opinion on the SQL: sqlglot parses each view and query as Athena's and writes it for DuckDB, which runs it over the
files of the tables' current versions. Its rows are to be those of `freshet query`. What sqlglot does not carry over is
explained here, one by one.
"""

import datetime
import decimal
import math

import measures
from lake import Failed
from trino_client import at_one_moment

# What sqlglot leaves as it is, in DuckDB's words: a time in a zone is the zone's own clock.
MACROS = (
    "CREATE MACRO with_timezone(moment, zone) AS timezone(zone, moment)",
    "CREATE MACRO at_timezone(moment, zone) AS timezone(zone, moment)",
)


def load(lake, tables, folder, connection):
    """Every table of the lake as a table of DuckDB, its times in the three digits that Athena gives."""
    from deltalake import DeltaTable

    for table in tables:
        delta = DeltaTable(table["location"], storage_options=lake.storage_options())
        fields = delta.schema().fields
        uris = delta.file_uris()
        paths = lake.fetch(uris, folder) if uris else []
        columns = ", ".join(f'"{field.name}" {duckdb_type(field.type)}' for field in fields)
        connection.execute(f'CREATE TABLE "{table["name"]}" ({columns})')
        if not paths:
            continue
        files = connection.read_parquet(paths, hive_partitioning=True, union_by_name=True)
        taken = ", ".join(
            f'CAST({measures.quoted(field.name) if field.name in files.columns else "NULL"} AS {duckdb_type(field.type)})'
            for field in fields
        )
        connection.execute(f'INSERT INTO "{table["name"]}" SELECT {taken} FROM files')


def duckdb_type(kind):
    """DuckDB's type of a Delta column."""
    name = getattr(kind, "type", None)
    if name == "array":
        return f"{duckdb_type(kind.element_type)}[]"
    return {
        "string": "VARCHAR",
        "integer": "INTEGER",
        "long": "BIGINT",
        "double": "DOUBLE",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "timestamp_ntz": "TIMESTAMP_MS",
    }.get(name, str(name).upper())


def in_order(views):
    """Views, each after those that it reads."""
    waiting = {view["name"]: view for view in views}
    while waiting:
        for name, view in list(waiting.items()):
            words = set(view["sql"].replace("(", " ").replace(")", " ").split())
            if not (words & set(waiting)) - {name}:
                yield waiting.pop(name)


def for_duckdb(sql):
    """A statement of Athena's as DuckDB takes it."""
    import sqlglot

    def counted(node):
        """DuckDB's count_if of nothing but NULL is NULL, Athena's is 0."""
        if not isinstance(node, sqlglot.exp.CountIf):
            return node
        count = sqlglot.exp.Count(this=sqlglot.exp.Star())
        return sqlglot.exp.Filter(this=count, expression=sqlglot.exp.Where(this=node.this))

    tree = sqlglot.parse_one(sql, read="athena").transform(counted)
    # Athena counts whole units between two times, as DuckDB's date_sub does; its date_diff counts the borders between them.
    return tree.sql(dialect="duckdb").replace("DATE_DIFF(", "DATE_SUB(")


def compare(lake, tables, report, folder, only=None):
    import duckdb
    import sqlglot

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for macro in MACROS:
        connection.execute(macro)
    load(lake, tables, folder, connection)
    queries = lake.queries()
    moment = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    for view in in_order([query for query in queries if query["kind"] == "view"]):
        try:
            connection.execute(f'CREATE VIEW "{view["name"]}" AS {for_duckdb(view["sql"])}')
        except (sqlglot.errors.SqlglotError, duckdb.Error) as error:
            report.line("FAILED", view["name"], "sqlglot", str(error).splitlines()[0])
    for query in queries:
        name = query["name"]
        if only and name not in only:
            continue
        try:
            is_view = query["kind"] == "view"
            statement = f"SELECT * FROM {name}" if is_view else at_one_moment(lake.statement(name), moment)
            answer = connection.sql(for_duckdb(statement))
            names, rows = answer.columns, answer.fetchall()
            ours = lake.rows(statement)
        except (sqlglot.errors.SqlglotError, duckdb.Error, Failed) as error:
            report.line("FAILED", name, "sqlglot", str(error).strip().splitlines()[0])
            continue
        estimates = "approx_" in statement.lower()
        what = f"{len(rows)} rows" + (", estimates alike" if estimates else "")
        report.compared(name, "sqlglot", what, differences(ours, names, rows, "order by" in statement.lower() and not is_view, estimates))


def differences(ours, names, rows, is_ordered, estimates):
    """What differs between rows of `freshet query --format json` and DuckDB's, as text."""
    if len(ours) != len(rows):
        return [f"freshet has {len(ours)} rows, duckdb {len(rows)}"]
    if ours and set(ours[0]) != set(names):
        return [f"freshet has the columns {sorted(ours[0])}, duckdb {sorted(names)}"]
    pairs = [
        [pair(row[name], value) for name, value in zip(names, theirs)]
        for row, theirs in zip(*(sides(ours, names, rows, is_ordered)))
    ]
    tolerance = 0.05 if estimates else measures.DIGITS
    return [
        f"row {index}, {name}: freshet {one!r}, duckdb {other!r}"
        for index, row in enumerate(pairs)
        for name, (one, other) in zip(names, row)
        if not alike(one, other, tolerance)
    ]


def sides(ours, names, rows, is_ordered):
    if is_ordered:
        return ours, rows
    return (
        sorted(ours, key=lambda row: [(row[name] is None, sort_key(row[name])) for name in names]),
        sorted(rows, key=lambda row: [(value is None, sort_key(value)) for value in row]),
    )


def sort_key(value):
    """A text by which numbers lie side by side however each side writes them."""
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        return text(value)
    if not number.is_finite():
        return str(value)
    # Ids keep every digit; what has a fraction may be a double.
    return f"{number.normalize():f}" if number == number.to_integral_value() else f"{number:.9g}"


def text(value):
    """A value as Athena writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"
    if isinstance(value, list):
        return "[" + ", ".join("null" if part is None else text(part) for part in value) + "]"
    return str(value)


def pair(one, other):
    if isinstance(other, (float, int, decimal.Decimal)) and not isinstance(other, bool) and one is not None:
        return type(other)(one) if not isinstance(other, int) else int(decimal.Decimal(str(one))), other
    if isinstance(other, datetime.datetime) and one is not None and len(one) == len("2026-01-01"):
        # sqlglot makes a time of what `date_trunc` gives, also where it is given a date.
        one = f"{one} 00:00:00.000"
    return None if one is None else text(one), None if other is None else text(other)


def alike(one, other, tolerance):
    if one is None or other is None:
        return one is other
    if isinstance(one, float) or (tolerance > measures.DIGITS and isinstance(one, int)):
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=measures.DIGITS) or (one != one and other != other)
    return one == other
