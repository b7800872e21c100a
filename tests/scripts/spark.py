#!/usr/bin/env python3
"""Asks Apache Spark, with Delta's own reader over S3A, whether it reads each table as `freshet query` does.

    pip install pyspark==4.0.1           # a JDK of 17 or 21; JAVA_HOME says which
    eval "$(freshet up … prints these lines)"
    python tests/scripts/spark.py

By hand, since it fetches about a gigabyte: Spark from PyPI, Delta and Hadoop's S3A from Maven. Ends with 1 on a difference.
"""

import argparse
import json
import os
import pathlib
import re
import sys

import measures
from lake import Lake, default_binary


def bundled_hadoop():
    """The version of Hadoop that this Spark comes with; S3A must be of the same."""
    import pyspark

    for jar in (pathlib.Path(pyspark.__file__).parent / "jars").glob("hadoop-client-api-*.jar"):
        return re.fullmatch(r"hadoop-client-api-(.+)\.jar", jar.name)[1]
    sys.exit("this Spark bundles no hadoop-client-api: pip install pyspark==4.0.1")


def session(lake, delta_version):
    from pyspark.sql import SparkSession

    packages = [f"io.delta:delta-spark_2.13:{delta_version}"]
    settings = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
    }
    if lake.endpoint:
        packages.append(f"org.apache.hadoop:hadoop-aws:{bundled_hadoop()}")
        settings |= {
            "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
            "spark.hadoop.fs.s3a.endpoint": lake.endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": lake.variables.get("AWS_REGION", "us-east-1"),
            "spark.hadoop.fs.s3a.access.key": lake.variables.get("AWS_ACCESS_KEY_ID", "local"),
            "spark.hadoop.fs.s3a.secret.key": lake.variables.get("AWS_SECRET_ACCESS_KEY", "local"),
            "spark.hadoop.fs.s3a.path.style.access": "true",
            "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
        }
    builder = SparkSession.builder.master("local[2]").appName("freshet second opinion")
    for name, value in {**settings, "spark.jars.packages": ",".join(packages)}.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def compare(lake, spark, table):
    """How many measures were compared, the rows, and the differences."""
    frame = spark.read.format("delta").load(table["location"].replace("s3://", "s3a://", 1))
    found = measures.measures(json.loads(frame.schema.json())["fields"])
    frame.createOrReplaceTempView("table_read")
    theirs = list(spark.sql(measures.select(found, "spark", "table_read")).collect()[0])
    row = lake.rows(measures.select(found, "athena", measures.quoted(table["name"])))[0]
    ours = measures.settled(found, [row[f"m{index}"] for index in range(len(found))])
    return len(found), ours[0], measures.differences(found, ours, measures.settled(found, theirs))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("endpoint", nargs="?", default=os.environ.get("AWS_ENDPOINT_URL", ""))
    parser.add_argument("--freshet", type=pathlib.Path, default=default_binary(), help="the command (default: %(default)s)")
    parser.add_argument("--delta", default="4.0.1", help="version of io.delta:delta-spark (default: %(default)s)")
    parser.add_argument("--table", action="append", dest="tables", help="this table alone (repeatable)")
    arguments = parser.parse_args()
    lake = Lake(arguments.freshet, {"AWS_ENDPOINT_URL": arguments.endpoint})
    tables = [table for table in lake.tables() if not arguments.tables or table["name"] in arguments.tables]
    spark, is_same = session(lake, arguments.delta), bool(tables)
    for table in tables:
        count, rows, found = compare(lake, spark, table)
        is_same &= not found
        print(f"{'DIFFERENT' if found else 'same':<9} spark      {table['name']:<36} {rows} rows, {count} measures")
        for difference in found:
            print(f"          {difference}")
    spark.stop()
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
