"""What two readers of a table must agree on: for each column, how many values there are, and a sum or the bounds.

Sums are exact where the type is: whole numbers and decimals as decimals, text by its characters, arrays by their
elements, booleans by how many are true. Times and dates are compared by their first and last. Doubles are compared to nine digits.
"""

import dataclasses
import datetime
import decimal
import math

WHOLE = {"byte", "short", "integer", "long"}
TIMES = {"timestamp", "timestamp_ntz"}
DIGITS = 1e-9


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number of one column; `family` says how it is taken and compared."""

    column: str
    family: str

    @property
    def label(self):
        return f"{self.family}({self.column})"


def family_of(kind):
    """The family of a Delta type, as a Delta schema names it."""
    if isinstance(kind, dict):
        return "elements" if kind.get("type") == "array" else None
    if kind in WHOLE:
        return "whole"
    if kind.startswith("decimal"):
        return "exact"
    if kind in TIMES or kind == "date":
        return "bounds"
    return {"double": "float", "float": "float", "string": "length", "boolean": "true"}.get(kind)


def measures(fields):
    """The measures of a Delta schema's fields: the rows, and two or three for each column."""
    found = [Measure("*", "rows")]
    for field in fields:
        found.append(Measure(field["name"], "count"))
        family = family_of(field["type"])
        if family == "bounds":
            found += [Measure(field["name"], "min"), Measure(field["name"], "max")]
        elif family:
            found.append(Measure(field["name"], family))
    return found


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def sql(measure, engine):
    """The measure in the SQL of athena, duckdb or spark."""
    column = f"`{measure.column}`" if engine == "spark" else quoted(measure.column)
    length = {"athena": "length", "duckdb": "length", "spark": "char_length"}[engine]
    elements = {"athena": "cardinality", "duckdb": "len", "spark": "size"}[engine]
    return {
        "rows": "count(*)",
        "count": f"count({column})",
        "whole": f"sum(CAST({column} AS decimal(38,0)))",
        "exact": f"sum({column})",
        "float": f"sum({column})",
        "min": f"min({column})",
        "max": f"max({column})",
        "true": f"sum(CASE WHEN {column} THEN 1 ELSE 0 END)",
        "length": f"sum({length}({column}))",
        "elements": f"sum(CASE WHEN {column} IS NOT NULL THEN {elements}({column}) END)",
    }[measure.family]


def select(found, engine, relation):
    """One statement that takes all measures, named m0, m1, …"""
    taken = ",\n  ".join(f"{sql(measure, engine)} AS m{index}" for index, measure in enumerate(found))
    return f"SELECT\n  {taken}\nFROM {relation}"


def plain(measure, value):
    """A value as it is compared."""
    if value is None:
        return None
    if measure.family in ("min", "max"):
        if isinstance(value, datetime.datetime):
            micros = value.strftime("%Y-%m-%d %H:%M:%S.%f")
            return micros.removesuffix("000")
        return str(value)
    if measure.family == "float":
        return float(value)
    return decimal.Decimal(str(value)).normalize() + 0


def agree(measure, one, other):
    """Whether two values are the same."""
    if measure.family == "float" and one is not None and other is not None:
        return math.isclose(one, other, rel_tol=DIGITS, abs_tol=DIGITS) or (math.isnan(one) and math.isnan(other))
    return one == other


def settled(found, values):
    """Values as they are compared; a sum over no values is nothing, whatever an engine makes of it."""
    compared, count = [], None
    for measure, value in zip(found, values, strict=True):
        value = plain(measure, value)
        if measure.family == "count":
            count = value
        compared.append(None if measure.family not in ("rows", "count") and not count else value)
    return compared


def differences(found, ours, theirs):
    """What the two do not agree on, as text."""
    return [
        f"{measure.label}: freshet {one}, they {other}"
        for measure, one, other in zip(found, ours, theirs, strict=True)
        if not agree(measure, one, other)
    ]
