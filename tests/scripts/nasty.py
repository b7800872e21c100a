"""Rows for the differential test, from a seed: the contract's tables, and one table of every type, with what trips engines:
NULLs, empty texts, ties, letters of many bytes, days at the ends of months and years, hours that clocks skip, and extremes.

It makes rows and writes them as Delta tables; it asks no engine.
"""

from queries_on_trino import ROOT, arrow_type, arrow_value, contract_of

EVERY_TYPE = "every_type"
WORDS = [
    "",
    " ",
    "a",
    "A",
    "b",
    "paid",
    "Paid",
    "pending",
    "open",
    "USD",
    "EUR",
    "ß",
    "é",
    "e\u0301",
    "東京",
    "🔥",
    "o'clock",
    "100%",
    "a_b",
]
TEXTS = WORDS + ["10", "-3.5", "007", " 7 ", "1e3", "true", "2024-02-29", "x,y,,z", "Order #1042 (late)", "tab\there", "a\\b", "NaN"]
URLS = [
    "https://shop.example/a/b?utm_source=ads&q=caf%C3%A9#top",
    "http://shop.example:8080/",
    "not a url",
    "https://shop.example/x?q=",
    "/relative?a=1&a=2",
]
OBJECTS = [
    '{"a": 1, "b": {"c": [1, 2.50, null]}, "tier": "gold"}',
    '{"a": "x", "tags": ["n", "", null], "ok": true}',
    '{"a": 1.10, "b": null}',
    '{"tier": "é🔥", "n": 12345678901234567890}',
    "[]",
    "{}",
    "null",
    '"text"',
    "{broken",
]
VERSIONS = ["1.0.0", "1.10.2-beta", "2.0", "14.23.636.9832"]
DAYS = [
    "2023-12-31",
    "2024-01-01",
    "2024-02-29",
    "2024-03-01",
    "2024-03-10",
    "2024-03-31",
    "2024-10-27",
    "2024-11-03",
    "2024-12-30",
    "2025-01-31",
]
CLOCKS = ["00:00:00.000", "01:30:00.000", "02:30:00.000", "12:00:00.001", "23:59:59.999"]
PARTITIONS = ["2024-02-29", "2024-12-31", "2025-01-01"]
ROWS = 60

# The extremes stand in the table of every type alone: in sums of the others they would turn most answers into overflows.
EXTREMES = {
    "boolean": [True, False],
    "tinyint": [-128, 127, 0],
    "smallint": [-32768, 32767, 0],
    "int": [-2147483648, 2147483647, 0, -1],
    "bigint": [-9223372036854775808, 9223372036854775807, 0, -1],
    "real": [0.0, 1.5, -3.4028235e38, 1.1754944e-38, float("nan"), float("inf")],
    "double": [0.0, -0.0, 1.7976931348623157e308, 5e-324, float("nan"), float("inf"), float("-inf"), 0.1, 9007199254740993.0],
    "decimal(18,4)": ["99999999999999.9999", "-99999999999999.9999", "0.0001", "-0.0001", "0"],
    "decimal(38,0)": ["99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "5"],
    "timestamp": ["1969-12-31T23:59:59.999", "1900-01-01T00:00:00", "9999-12-31T23:59:59.999", "2024-02-29T12:34:56.789"],
    "date": ["1969-12-31", "1582-10-15", "9999-12-31", "2024-02-29"],
    "string": TEXTS,
    "varbinary": [b"", b"\x00\xff", "é".encode()],
}
MODEST = {
    "boolean": [True, False],
    "tinyint": [1, 2, -3],
    "smallint": [10, 20, -30],
    "int": [0, 1, 1, 2, 3, 7, -7, 100],
    "bigint": [0, 1, 2, 2, 5, 12, -12, 3600000],
    "real": [0.5, 1.25, -2.0],
    "double": [0.0, 0.25, 0.5, 0.5, 1.0, -1.5, 2.75, 1024.0],
    "decimal(18,4)": ["0.0000", "0.0050", "9.9900", "9.9900", "19.9950", "-5.0000", "100.0000", "1234.5678"],
    "decimal(38,0)": ["1", "2", "-3"],
    "varbinary": [b"a", b"b", b""],
}
EVERY_TYPE_COLUMNS = [
    ("event_id", "string"),
    ("k", "string"),
    ("flag", "boolean"),
    ("tiny", "tinyint"),
    ("small", "smallint"),
    ("whole", "int"),
    ("big", "bigint"),
    ("single", "real"),
    ("twice", "double"),
    ("money", "decimal(18,4)"),
    ("vast", "decimal(38,0)"),
    ("moment", "timestamp"),
    ("day", "date"),
    ("words", "string"),
    ("bytes", "varbinary"),
    ("list", "array<string>"),
    ("numbers", "array<int>"),
    ("props", "map<string,int>"),
    ("pair", "row"),
    ("pairs", "array<row>"),
    ("dt", "date"),
]


def contract():
    """The columns of each table of the contract, and those of the table of every type."""
    released = contract_of(ROOT / "schemas" / "released.json")
    tables = {name: [tuple(column) for column in table["columns"]] for name, table in released.items()}
    return tables | {EVERY_TYPE: EVERY_TYPE_COLUMNS}


def texts_of(column):
    """What a text column holds: by its name, so that joins meet and functions find their food."""
    if column in ("extra", "properties"):
        return OBJECTS
    if column.endswith(("_id", "_key", "_token", "puuid")) or column in ("token", "k"):
        return [f"k{index}" for index in range(1, 10)] + [""]
    if column in ("landing_site", "referring_site", "link"):
        return URLS
    if column.endswith("version") or column == "build":
        return VERSIONS
    if column.endswith("_text"):
        return ["2024-02-29T12:00:00+02:00", "2024-02-29T10:00:00Z", "2024-13-01", "", "1709200800"]
    return TEXTS if column in ("title", "subject", "note", "message", "words") else WORDS


def values_of(table, column, kind):
    """Every value but NULL that a column may hold, as it stands in a row."""
    if table == EVERY_TYPE and column != "dt" and kind in EXTREMES:
        return EXTREMES[kind] + MODEST.get(kind, [])
    if kind == "string":
        return texts_of(column)
    if kind == "date":
        return PARTITIONS if column == "dt" else DAYS
    if kind == "timestamp":
        return [f"{day}T{clock}" for day in DAYS for clock in CLOCKS]
    return MODEST[kind]


def value(random, table, column, kind):
    if random.random() < (0.0 if column == "dt" else 0.15):
        return None
    if kind == "array<string>":
        return [None if random.random() < 0.15 else random.choice(WORDS) for _ in range(random.choice([0, 1, 1, 2, 4]))]
    if kind == "array<int>":
        return [random.choice([None, 0, 1, 1, 5, -5, 2147483647]) for _ in range(random.choice([0, 1, 3]))]
    if kind == "map<string,int>":
        return [(key, random.choice([None, 0, 1, 2])) for key in random.sample(["a", "b", "", "é"], random.randrange(4))]
    if kind == "row":
        return {"name": random.choice(WORDS + [None]), "amount": random.choice([None, 0, 1, 2, 2])}
    if kind == "array<row>":
        return [value(random, table, column, "row") or {"name": None, "amount": None} for _ in range(random.randrange(3))]
    return random.choice(values_of(table, column, kind))


def rows_of(random, table, columns):
    """A table's rows: `event_id` is its own in each, a fifth of them repeat another's values in all else."""
    rows = []
    for index in range(ROWS):
        if rows and random.random() < 0.2:
            row = dict(random.choice(rows))
        else:
            row = {name: value(random, table, name, kind) for name, kind in columns}
        if "event_id" in row:
            row["event_id"] = f"{table[:12]}-{index:03}"
        rows.append(row)
    return rows


def type_of(kind):
    import pyarrow

    pair = pyarrow.struct([("name", pyarrow.string()), ("amount", pyarrow.int32())])
    others = {
        "tinyint": pyarrow.int8(),
        "smallint": pyarrow.int16(),
        "real": pyarrow.float32(),
        "varbinary": pyarrow.binary(),
        "decimal(38,0)": pyarrow.decimal128(38, 0),
        "array<int>": pyarrow.list_(pyarrow.int32()),
        "map<string,int>": pyarrow.map_(pyarrow.string(), pyarrow.int32()),
        "row": pair,
        "array<row>": pyarrow.list_(pair),
    }
    return others.get(kind) or arrow_type(kind)


def write(random, table, columns, location, options):
    """Writes a table's rows as a Delta table, partitioned as the lake's are."""
    import pyarrow
    from deltalake import write_deltalake

    rows = rows_of(random, table, columns)
    schema = pyarrow.schema([(name, type_of(kind)) for name, kind in columns])
    arrays = [pyarrow.array([arrow_value(kind, row[name]) for row in rows], type_of(kind)) for name, kind in columns]
    data = pyarrow.Table.from_arrays(arrays, schema=schema)
    write_deltalake(location, data, partition_by=["dt"], mode="overwrite", schema_mode="overwrite", storage_options=options)
