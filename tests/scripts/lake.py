"""The lake under test: the `freshet` command, the endpoint that it talks to, and its tables and queries.

Where the lake is stands in the variables that `freshet up` prints: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, FRESHET_BUCKET, FRESHET_DATABASE.
"""

import json
import os
import pathlib
import re
import subprocess
import urllib.parse

EXPORT = re.compile(r"^export ([A-Z0-9_]+)=(.*)$")


def exported(line):
    """The (name, value) of an `export NAME=value` line, or None."""
    match = EXPORT.match(line.strip())
    return match and (match[1], match[2].strip("'\""))


def default_binary():
    """The command of this tree's dev build, wherever the target folder is."""
    root = pathlib.Path(__file__).resolve().parents[2]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    return target / "debug" / "freshet"


class Failed(Exception):
    """The command ended with an error; the message is what it said."""


class Lake:
    """A running lake and the command that asks it."""

    def __init__(self, binary, variables):
        self.binary = str(pathlib.Path(binary).resolve())
        self.variables = dict(os.environ, **variables)
        self.endpoint = self.variables.get("AWS_ENDPOINT_URL", "")
        self.database = self.variables.get("FRESHET_DATABASE", "lake")

    def command(self, *arguments, timeout=600):
        """What the command prints; raises Failed."""
        answer = subprocess.run(
            [self.binary, *arguments], env=self.variables, capture_output=True, text=True, timeout=timeout
        )
        if answer.returncode != 0:
            raise Failed(f"freshet {arguments[0]}: {answer.stderr.strip() or answer.stdout.strip()}")
        return answer.stdout

    def tables(self):
        return json.loads(self.command("tables", "--json"))

    def queries(self):
        return json.loads(self.command("queries", "--json"))

    def statement(self, name):
        """A query with its examples filled in."""
        return self.command("query", name, "--show-sql").strip().rstrip(";")

    def rows(self, sql):
        """The rows of a statement, each a dict, as `--format json` gives them."""
        return json.loads(self.command("query", "--sql", sql, "--format", "json"), parse_float=str)

    def named_rows(self, name):
        return json.loads(self.command("query", name, "--format", "json"), parse_float=str)

    def storage_options(self):
        """How deltalake and polars reach the endpoint."""
        return {
            "endpoint_url": self.endpoint,
            "access_key_id": self.variables.get("AWS_ACCESS_KEY_ID", "local"),
            "secret_access_key": self.variables.get("AWS_SECRET_ACCESS_KEY", "local"),
            "region": self.variables.get("AWS_REGION", "us-east-1"),
            "allow_http": "true",
            "virtual_hosted_style_request": "false",
        }

    def s3(self):
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.variables.get("AWS_REGION", "us-east-1"),
            aws_access_key_id=self.variables.get("AWS_ACCESS_KEY_ID", "local"),
            aws_secret_access_key=self.variables.get("AWS_SECRET_ACCESS_KEY", "local"),
            config=Config(s3={"addressing_style": "path"}),
        )

    def fetch(self, uris, folder):
        """Copies S3 objects below a folder, keeping their `dt=…` folders, and gives their paths."""
        client, paths = self.s3(), []
        for uri in uris:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            path = pathlib.Path(folder) / bucket / urllib.parse.unquote(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                client.download_file(bucket, key, str(path))
            except client.exceptions.ClientError:
                # delta-rs gives addresses with their partition values percent-encoded.
                client.download_file(bucket, urllib.parse.unquote(key), str(path))
            paths.append(str(path))
        return paths
