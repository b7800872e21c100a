"""A lake of many rows, for benchmarks: what `freshet demo` leaves, its rows written again under other ids until there are enough.

Each copy of a row has ids of its own (each column of an id, a key, a token or a hash ends with the copy's number), so that joins
and groups grow with the rows and keep their shape; all else is as the demo has it: days, shops, products' names, amounts. The files are
written by delta-rs and not by Freshet: the contract's columns, partitions and order, zstd, row groups of 131072 rows.
Tables that say what a run counted (`pipeline_counts`) stay as they are.
"""

import os
import pathlib
import re
import subprocess
import time
import tomllib

ID = r"(_id|_ids|_key|token|puuid|payload_hash|subject)$"
# What other rows share: without these a copy would have shelves, desks, queues and maps of its own.
SHARED = {"app_id", "assignee_id", "brand_id", "group_id", "location_id", "map_id", "platform_id", "queue_id", "champion_id", "organization_id"}
KEPT = {"pipeline_counts", "lead_scores", "smurf_scores", "model_drift"}
ROW_GROUP = 131_072


def grow(binary, folder, rows, say=print):
    """Makes the lake in an empty folder, which it gives; with no number of rows it is as the demo leaves it."""
    folder = pathlib.Path(folder)
    begun = time.monotonic()
    subprocess.run([str(binary), "demo", "--dir", str(folder), "--deliveries", "4000", "--json"], check=True, stdout=subprocess.DEVNULL)
    if not rows:
        return folder
    tables = {path.parent.name: path.parent for path in folder.glob("s3/*/tables/*/_delta_log")}
    counted = {name: len_of(path) for name, path in tables.items()}
    seed = sum(counted.values())
    grown = {name: path for name, path in tables.items() if name not in KEPT and counted[name]}
    copies = max(1, round((rows - sum(counted[name] for name in KEPT if name in counted)) / sum(counted[name] for name in grown)))
    say(f"the demo left {seed} rows in {len(tables)} tables; {copies} copies of each", flush=True)
    for name, path in sorted(grown.items()):
        multiply(path, copies)
    total = sum(len_of(path) for path in tables.values())
    size = sum(os.path.getsize(file) for path in tables.values() for file in live(path)) >> 20
    say(f"{total} rows, {size} MiB of Parquet, in {time.monotonic() - begun:.0f} s", flush=True)
    return folder


def live(path):
    """The files of a table's current version."""
    from deltalake import DeltaTable

    return [file.removeprefix("file://") for file in DeltaTable(str(path)).file_uris()]


def len_of(path):
    from deltalake import DeltaTable

    return DeltaTable(str(path)).to_pyarrow_dataset().count_rows()


def multiply(path, copies):
    """Writes a table's rows so many times, a day at a time, and takes the old files away."""
    import duckdb
    from deltalake import DeltaTable, WriterProperties, write_deltalake

    schema = DeltaTable(str(path)).schema().to_arrow()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    files = live(path)
    connection.execute("CREATE TABLE seed AS SELECT * FROM read_parquet(?, hive_partitioning = true, union_by_name = true)", [files])
    there = {row[0]: row[1] for row in connection.execute("DESCRIBE seed").fetchall()}
    order = ", ".join(f'"{name}"' for name in sort_of(path.name) if name in there)
    columns = ", ".join(f"{copied(field.name, there.get(field.name))} AS \"{field.name}\"" for field in map(schema.field, schema.names))
    properties = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=ROW_GROUP)
    for place, (day,) in enumerate(connection.execute("SELECT DISTINCT dt FROM seed ORDER BY dt").fetchall()):
        rows = connection.sql(
            f"SELECT {columns} FROM seed CROSS JOIN range({copies}) AS copies (copy) WHERE dt = ? ORDER BY {order}", params=[day]
        )
        write_deltalake(
            str(path), rows.to_arrow_reader(ROW_GROUP), mode="append" if place else "overwrite",
            partition_by=["dt"], writer_properties=properties,
        )
    for file in files:
        os.remove(file)


def copied(name, kind):
    """A column of a copy."""
    if kind is None:
        return "NULL"
    if not re.search(ID, name) or name in SHARED:
        return f'"{name}"'
    if kind == "VARCHAR":
        return f"""CASE WHEN copy = 0 THEN "{name}" ELSE "{name}" || '.' || copy END"""
    if kind == "VARCHAR[]":
        return f"""CASE WHEN copy = 0 THEN "{name}" ELSE list_transform("{name}", lambda id: id || '.' || copy) END"""
    return f'"{name}"'


def sort_of(table):
    """The order that the contract gives a table's rows."""
    schemas = pathlib.Path(__file__).resolve().parents[2] / "schemas"
    return tomllib.loads(next(schemas.glob(f"*/{table}.toml")).read_text())["sort"]
