"""What the benchmarks of queries run: `freshet up` as a process, the catalogue's statements, and Athena's API through boto3."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))

from lake import Lake, exported

# A text, a quoted name or a comment; or a parameter.
PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|(?<![:\w]):([a-z_]+)""")
FINAL = {"SUCCEEDED", "FAILED", "CANCELLED"}
# The rows of one page of GetQueryResults.
PAGE = 1000


class Up:
    """A `freshet up` over a folder, which ends with the block."""

    def __init__(self, binary, folder):
        self.binary, self.folder = str(binary), str(folder)

    def __enter__(self):
        command = [self.binary, "up", "--dir", self.folder, "--port", "0", "--webhook-port", "0", "--compact-seconds", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        variables = {}
        for line in self.process.stdout:
            if line.strip() == "ready":
                self.lake = Lake(self.binary, variables)
                # What it prints later is read too, so that it never waits for a full pipe.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return self
            if pair := exported(line):
                variables[pair[0]] = pair[1]
        raise RuntimeError("`freshet up` ends before it is ready")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def resident(self):
        """Resident memory in MiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024

    def processor_seconds(self):
        """What the process has used of its processors."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def literal(kind, value):
    """A value as SQL text."""
    return {"string": "'" + value.replace("'", "''") + "'", "date": f"DATE '{value}'", "decimal": f"DECIMAL '{value}'"}.get(kind, value)


def bound(query):
    """A query with `?` for its parameters, and its examples as their literals."""
    literals = {parameter["name"]: literal(parameter["type"], parameter["example"]) for parameter in query["parameters"]}
    parameters = []

    def place(match):
        if match[1] is None:
            return match[0]
        parameters.append(literals[match[1]])
        return "?"

    return PIECE.sub(place, query["sql"]), parameters


def statements(lake, view_rows):
    """The whole catalogue as (name, SQL, execution parameters): each query, and each view's first rows."""
    return [
        (query["name"], f"SELECT * FROM {query['name']} LIMIT {view_rows}", []) if query["kind"] == "view" else (query["name"], *bound(query))
        for query in lake.queries()
    ]


class Failure(Exception):
    """A statement that did not succeed, in Athena's words."""


class Athena:
    """A client of Athena: boto3's, without retries."""

    def __init__(self, lake):
        import boto3
        from botocore.config import Config

        self.database = lake.database
        self.output = f"s3://{lake.variables['FRESHET_BUCKET']}/athena-results/"
        session = boto3.session.Session(
            aws_access_key_id=lake.variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=lake.variables["AWS_SECRET_ACCESS_KEY"],
            region_name=lake.variables["AWS_REGION"],
        )
        config = Config(retries={"total_max_attempts": 1}, read_timeout=600, s3={"addressing_style": "path"})
        self.client = session.client("athena", endpoint_url=lake.endpoint, config=config)
        self.s3 = session.client("s3", endpoint_url=lake.endpoint, config=config)

    def start(self, sql, parameters=()):
        given = {"ExecutionParameters": list(parameters)} if parameters else {}
        return self.client.start_query_execution(
            QueryString=sql, QueryExecutionContext={"Database": self.database}, ResultConfiguration={"OutputLocation": self.output}, **given
        )["QueryExecutionId"]

    def state(self, execution):
        return self.client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]

    def wait(self, execution, states=FINAL):
        """The execution, once it is in one of the states."""
        while (found := self.state(execution))["Status"]["State"] not in states:
            # The endpoint has waited for the end itself; a real Athena answers at once.
            time.sleep(0.005)
        return found

    def rows(self, execution):
        """The header and the rows, page by page."""
        pages = self.client.get_paginator("get_query_results").paginate(QueryExecutionId=execution)
        rows = [[value.get("VarCharValue") for value in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
        return rows[0], rows[1:]

    def run(self, sql, parameters=()):
        """An execution and its rows; raises Failure."""
        execution = self.start(sql, parameters)
        found = self.wait(execution)
        if found["Status"]["State"] != "SUCCEEDED":
            raise Failure(found["Status"].get("StateChangeReason", found["Status"]["State"]))
        return found, *self.rows(execution)

    def stop(self, execution):
        self.client.stop_query_execution(QueryExecutionId=execution)
