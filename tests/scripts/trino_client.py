"""A client of Trino's statement protocol (https://trino.io/docs/current/develop/client-protocol.html), and values as
Athena's GetQueryResults prints them.

It declares no client capability, so that times come with three digits, as Athena's do.
"""

import base64
import json
import re
import urllib.request


class Refused(Exception):
    """Trino refused the statement; the message is its error name and text."""


class Trino:
    """A Trino server, a catalog and a schema in it."""

    def __init__(self, server, catalog, schema):
        self.server = server.rstrip("/")
        self.headers = {
            "X-Trino-User": "freshet",
            "X-Trino-Catalog": catalog,
            "X-Trino-Schema": schema,
            "X-Trino-Time-Zone": "UTC",
        }

    def run(self, statement):
        """The columns, as (name, type signature), and the rows of a statement."""
        columns, rows = [], []
        answer = self._call(f"{self.server}/v1/statement", statement.encode())
        while True:
            if "error" in answer:
                error = answer["error"]
                raise Refused(f"{error.get('errorName')}: {error.get('message')}")
            if answer.get("columns"):
                columns = [(column["name"], column["typeSignature"]) for column in answer["columns"]]
            rows += answer.get("data") or []
            if "nextUri" not in answer:
                return columns, rows
            answer = self._call(answer["nextUri"])

    def _call(self, url, body=None):
        request = urllib.request.Request(url, body, self.headers)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response, parse_float=str)


def arguments(signature):
    return [argument["value"] for argument in signature.get("arguments", [])]


def printed(value, signature):
    """A value as Athena prints it; None for NULL."""
    if value is None:
        return None
    kind = signature["rawType"]
    if kind == "array":
        (inner,) = arguments(signature)
        return "[" + ", ".join(nested(element, inner) for element in value) + "]"
    if kind == "map":
        key, inner = arguments(signature)
        return "{" + ", ".join(f"{nested(k, key)}={nested(v, inner)}" for k, v in value.items()) + "}"
    if kind == "row":
        fields = [
            ((argument.get("fieldName") or {}).get("name") or f"field{index}", argument["typeSignature"])
            for index, argument in enumerate(arguments(signature))
        ]
        return "{" + ", ".join(f"{name}={nested(v, t)}" for v, (name, t) in zip(value, fields)) + "}"
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "varbinary":
        return base64.b64decode(value).hex(" ")
    return str(value)


def nested(value, signature):
    return "null" if value is None else printed(value, signature)


# What a statement says of the moment that it runs at.
MOMENT = re.compile(r"\b(current_timestamp|localtimestamp|now\s*\(\s*\)|current_date)(?![\w(])", re.IGNORECASE)


def at_one_moment(statement, moment):
    """The statement with the present moment (UTC, ISO 8601 with Z) written out, so that two engines mean the same."""

    def literal(match):
        word = match[1].lower()
        if word == "current_date":
            return f"DATE '{moment[:10]}'"
        if word == "localtimestamp":
            return f"TIMESTAMP '{moment[:19].replace('T', ' ')}.000'"
        return f"from_iso8601_timestamp('{moment}')"

    return MOMENT.sub(literal, statement)
