"""A statement of the differential test, and the parts that it is written of.

A statement is kept in parts, so that one whose answers differ can be made smaller: see `Statement.smaller`.
"""

import dataclasses

from aggregates import aggregate
from expressions import PLAIN

ORDERED = ("varchar", "boolean", "integer", "bigint", "decimal", "double", "date", "timestamp", "zoned")


@dataclasses.dataclass(frozen=True)
class Relation:
    """A table or view; `key` is a column that is another in each row, or None."""

    name: str
    columns: tuple
    key: str = None


@dataclasses.dataclass(frozen=True)
class Statement:
    """`items` are (SQL, alias, kind); `order` are (alias, direction), and `limit` has meaning with an order of all items alone."""

    family: str
    source: str
    items: tuple
    where: tuple = ()
    group: str = ""
    having: tuple = ()
    order: tuple = ()
    limit: int = None
    offset: int = None
    distinct: bool = False
    head: str = ""
    window: str = ""

    @property
    def sql(self):
        listed = ", ".join(f"{item} AS {alias}" if alias else item for item, alias, _ in self.items)
        parts = [f"{self.head} SELECT {'DISTINCT ' if self.distinct else ''}{listed}".strip(), f"FROM {self.source}"]
        parts += ["WHERE " + " AND ".join(self.where)] if self.where else []
        parts += [f"GROUP BY {self.group}"] if self.group else []
        parts += ["HAVING " + " AND ".join(self.having)] if self.having else []
        parts += [f"WINDOW {self.window}"] if self.window else []
        parts += ["ORDER BY " + ", ".join(f"{alias}{way}" for alias, way in self.order)] if self.order else []
        parts += [f"OFFSET {self.offset}"] if self.offset else []
        parts += [f"LIMIT {self.limit}"] if self.limit is not None else []
        return "\n".join(parts)

    def alone(self, alias):
        """The statement with one of its items alone, without an order and a limit."""
        held = tuple(item for item in self.items if item[1] and item[1].strip('"') == alias)
        if held and len(self.items) > 1:
            yield dataclasses.replace(self, items=held, order=(), limit=None, offset=None)

    def smaller(self):
        """Statements with one part less each, of which any may be refused."""
        for part, nothing in (("limit", None), ("offset", None), ("order", ()), ("distinct", False)):
            if getattr(self, part) not in (None, (), False):
                # Rows that are cut off without an order are any rows.
                if part != "order" or self.limit is None:
                    yield dataclasses.replace(self, **{part: nothing})
        for part in ("where", "having"):
            held = getattr(self, part)
            for index in range(len(held)):
                yield dataclasses.replace(self, **{part: held[:index] + held[index + 1 :]})
        if len(self.items) > 1:
            for index, (_, alias, _) in enumerate(self.items):
                rest = self.items[:index] + self.items[index + 1 :]
                yield dataclasses.replace(self, items=rest, order=tuple(one for one in self.order if one[0] != alias))


class Parts:
    """Writes the parts of statements over relations."""

    def __init__(self, random, relations):
        self.random = random
        self.keyed = [relation for relation in relations if relation.key]
        self.relations = relations

    def scope(self, relation, alias="", wanted=12):
        """Some of a relation's columns as they are named in a statement; all kinds that it has are among them."""
        columns = list(relation.columns)
        self.random.shuffle(columns)
        first = {kind: name for name, kind in columns}
        taken = columns[:wanted] + [(name, kind) for kind, name in first.items()]
        return [(f"{alias}.{name}" if alias else name, kind) for name, kind in dict.fromkeys(taken)]

    def relation(self, *kinds):
        found = [one for one in self.keyed if all(any(kind == other for _, other in one.columns) for kind in kinds)]
        found = found or self.keyed
        # Relations of many kinds say more than those whose columns are all texts.
        return self.random.choices(found, [len({kind for _, kind in one.columns}) ** 3 for one in found])[0]

    def items(self, write, count, kinds=PLAIN, first=1):
        made = []
        for index in range(count):
            kind = self.random.choice(kinds)
            made.append((write.of(kind), f"c{index + first}", kind))
        return tuple(made)

    def conditions(self, write, most=2):
        """What rows are left by: most of it lets more rows through than a condition alone would."""
        made = []
        for _ in range(self.random.randrange(most + 1)):
            one = write.of("boolean")
            text, other = write.column("varchar"), write.of("boolean", 1)
            made.append(write.pick(one, f"coalesce({one}, true)", f"({one} OR {text} IS NOT NULL)", f"NOT ({one} AND {other})"))
        return tuple(made)

    def order_of(self, items):
        """An order over every item, which is total: rows that tie are the same."""
        ways = ("", "", " DESC", " NULLS FIRST", " DESC NULLS LAST", " DESC NULLS FIRST", " ASC NULLS LAST")
        aliases = [alias for _, alias, kind in items if kind in ORDERED]
        self.random.shuffle(aliases)
        return tuple((alias, self.random.choice(ways)) for alias in aliases)

    def finished(self, statement):
        """The statement with an order, and sometimes a limit under it."""
        if self.random.random() < 0.2:
            return statement
        statement = dataclasses.replace(statement, order=self.order_of(statement.items))
        if len(statement.order) == len(statement.items) and self.random.random() < 0.4:
            offset = self.random.choice([None, None, 1, 3])
            statement = dataclasses.replace(statement, limit=self.random.choice([1, 5, 20]), offset=offset)
        return statement

    def aggregates(self, write, key, count, first):
        return tuple(
            (sql, f"a{index + first}", kind) for index, (sql, kind) in enumerate(aggregate(self.random, write, key) for _ in range(count))
        )

    def having(self, write):
        return self.random.choice(
            [
                (),
                (),
                ("count(*) > 1",),
                (f"count({write.column('varchar')}) >= 1",),
                (f"sum({write.column('decimal')}) > 0",),
                (f"max({write.column('date')}) IS NOT NULL",),
            ]
        )

    def keys(self, write, count):
        """Expressions that rows are grouped by."""
        return tuple(
            (write.of(kind, 1 if self.random.random() < 0.5 else 0), f"c{index + 1}", kind)
            for index, kind in enumerate(self.random.choices(PLAIN, k=count))
        )
