"""Random statements of the shapes that analysts, BI tools and models of dbt send, over relations whose columns are known."""

import dataclasses

from aggregates import over
from expressions import NUMBERS, PATHS, PLAIN, ZONES, Expressions
from statements import Parts, Statement


class Shapes(Parts):
    """Writes statements over relations."""

    def __init__(self, random, relations):
        super().__init__(random, relations)
        self.shapes = {
            "filter": self.filtered,
            "group": self.grouped,
            "grouping sets": self.sets_of_groups,
            "windows": self.windowed,
            "join": self.joined,
            "join and group": self.joined_groups,
            "cte": self.steps,
            "union": self.united,
            "subquery": self.asked_within,
            "distinct": self.distinct,
            "unnest": self.unnested,
            "dedup": self.latest,
            "pivot": self.pivoted,
            "values": self.looked_up,
            "sessions": self.sessions,
            "time zones": self.zoned,
            "json": self.json,
            "recursive": self.recursive,
            "bi": self.nested_by_a_tool,
            "lateral": self.lateral,
        }

    def next(self):
        family = self.random.choice(list(self.shapes))
        return self.shapes[family](family)

    def filtered(self, family):
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        kinds = PLAIN + ("array", "map", "json", "zoned")
        made = Statement(family, relation.name, self.items(write, self.random.randrange(1, 6), kinds), self.conditions(write))
        return self.finished(made)

    def grouped(self, family):
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        keys = self.keys(write, self.random.choice([0, 1, 1, 2]))
        items = keys + self.aggregates(write, relation.key, self.random.randrange(1, 4), 1)
        by = ", ".join(sql for sql, _, _ in keys)
        having = self.having(write) if keys else ()
        return self.finished(Statement(family, relation.name, items, self.conditions(write), by, having))

    def sets_of_groups(self, family):
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        columns = [name for name, kind in write.columns if kind in PLAIN and name != relation.key]
        kinds = dict(write.columns)
        one, two = self.random.sample(columns, 2)
        group = write.pick(
            f"ROLLUP ({one}, {two})",
            f"CUBE ({one}, {two})",
            f"GROUPING SETS (({one}), ({two}), ())",
            f"GROUPING SETS (({one}, {two}), ({two}))",
            f"{one}, ROLLUP ({two})",
        )
        items = ((one, "c1", kinds[one]), (two, "c2", kinds[two]), (f"grouping({one}, {two})", "c3", "bigint"))
        items += self.aggregates(write, relation.key, self.random.randrange(1, 3), 1)
        return self.finished(Statement(family, relation.name, items, self.conditions(write), group, self.having(write)))

    def windowed(self, family):
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        items = ((relation.key, "c1", "varchar"),)
        items += tuple(
            (sql, f"w{index}", kind)
            for index, (sql, kind) in enumerate(over(self.random, write, relation.key) for _ in range(self.random.randrange(1, 4)))
        )
        return self.finished(Statement(family, relation.name, items, self.conditions(write, 1)))

    def sides(self):
        """Two relations, their scopes, and what joins them."""
        one, other = self.relation(), self.relation()
        left, right = self.scope(one, "x"), self.scope(other, "y")
        kind = self.random.choice(("varchar", "varchar", "varchar", "bigint", "decimal", "date"))
        pairs = [
            ("x." + name, "y." + twin)
            for name, held in one.columns
            for twin, again in other.columns
            if held == again == kind and name != one.key and twin != other.key
        ]
        keys = (
            [pair for pair in pairs if pair[0].endswith(("_id", "_key")) and pair[1].endswith(("_id", "_key"))]
            or pairs
            or [(f"x.{one.key}", f"y.{other.key}")]
        )
        return one, other, left, right, self.random.choice(keys)

    def join(self):
        one, other, left, right, (mine, yours) = self.sides()
        write = Expressions(self.random, left + right)
        extra = self.random.choice(
            [
                "",
                "",
                f" AND {write.column('boolean')}",
                f" AND x.{one.key} < y.{other.key}",
                f" AND {Expressions(self.random, left).column('date')} <= {Expressions(self.random, right).column('date')}",
            ]
        )
        kind = self.random.choice(["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL OUTER JOIN"])
        if kind == "FULL OUTER JOIN":
            extra = ""
        return one, other, f"{one.name} x {kind} {other.name} y ON {mine} = {yours}{extra}", write

    def joined(self, family):
        _, _, source, write = self.join()
        made = Statement(family, source, self.items(write, self.random.randrange(1, 5)), self.conditions(write))
        return self.finished(made)

    def joined_groups(self, family):
        one, other, source, write = self.join()
        keys = self.keys(write, self.random.choice([0, 1, 2]))
        items = keys + self.aggregates(
            write, f"coalesce(x.{one.key}, '') || '/' || coalesce(y.{other.key}, '')", self.random.randrange(1, 3), 1
        )
        by = ", ".join(str(index + 1) for index in range(len(keys)))
        return self.finished_by_place(Statement(family, source, items, self.conditions(write, 1), by), len(keys))

    def finished_by_place(self, statement, keys):
        """As `finished`; where groups are named by their places, the keys stay in theirs when the statement is made smaller."""
        by = ", ".join(sql for sql, _, _ in statement.items[:keys])
        return self.finished(dataclasses.replace(statement, group=by if self.random.random() < 0.5 else statement.group))

    def steps(self, family):
        """A CTE of groups, one of windows over it, and the answer."""
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        keys = self.keys(write, 2)
        items = keys + self.aggregates(write, relation.key, 2, 1)
        inner = Statement("", relation.name, items, self.conditions(write, 1), ", ".join(sql for sql, _, _ in keys))
        over = Expressions(self.random, [(alias, kind) for _, alias, kind in items])
        total = ", ".join(f"{alias}{over.pick('', ' DESC', ' NULLS FIRST')}" for _, alias, _ in keys)
        number = over.pick(*[alias for _, alias, kind in items if kind in NUMBERS] or ["1"])
        running = f"{over.pick('sum', 'max')}({number}) OVER (ORDER BY {total}) AS r"
        second = f"SELECT *, row_number() OVER (ORDER BY {total}) AS n, {running} FROM g"
        last = Expressions(self.random, over.columns + [("n", "bigint")])
        made = Statement(
            family,
            "h",
            self.items(last, 3) + (("n", "k", "bigint"),),
            self.conditions(last, 1),
            head=f"WITH g AS ({inner.sql}), h AS ({second})",
        )
        return self.finished(made)

    def united(self, family):
        kinds = self.random.choices(PLAIN, k=self.random.randrange(1, 4))
        made = []
        for _ in range(self.random.choice([2, 2, 3])):
            relation = self.relation()
            write = Expressions(self.random, self.scope(relation))
            items = []
            for index, kind in enumerate(kinds):
                if kind in NUMBERS and self.random.random() < 0.3:
                    kind = self.random.choice(NUMBERS)
                items.append(("NULL" if made and self.random.random() < 0.1 else write.of(kind, 1), f"c{index + 1}", kind))
            made.append(Statement("", relation.name, tuple(items), self.conditions(write, 1)).sql)
        operator = self.random.choice([" UNION ALL ", " UNION ", " INTERSECT ", " EXCEPT ", " UNION ALL "])
        write = Expressions(self.random, [])
        items = tuple((f"c{index + 1}", f"d{index + 1}", "any") for index in range(len(kinds)))
        items = tuple((sql, alias, kind) for (sql, alias, _), kind in zip(items, kinds))
        items += tuple((f"typeof({sql})", f"t{index}", "varchar") for index, (sql, _, _) in enumerate(items[:1]))
        return self.finished(Statement(family, f"({operator.join(made)}) u", items))

    def asked_within(self, family):
        one, other, left, right, (mine, yours) = self.sides()
        write, inner = Expressions(self.random, left), Expressions(self.random, right)
        condition = inner.of("boolean", 1)
        kind = self.random.choice(PLAIN)
        asked = write.pick(
            f"{mine} {write.pick('IN', 'NOT IN')} (SELECT {yours} FROM {other.name} y WHERE {condition})",
            f"{write.pick('', 'NOT ')}EXISTS (SELECT 1 FROM {other.name} y WHERE {mine} = {yours} AND {condition})",
            f"{write.column(kind)} {write.pick('>', '<=', '=')} "
            f"(SELECT {write.pick('max', 'min')}({inner.column(kind)}) FROM {other.name} y WHERE {condition})",
            f"{write.column(kind)} {write.pick('> ALL', '<= ANY', '= ANY', '<> ALL', '>= ALL')} "
            f"(SELECT {inner.column(kind)} FROM {other.name} y WHERE {condition})",
            f"{mine} NOT IN (SELECT {yours} FROM {other.name} y WHERE {yours} IS NOT NULL AND {condition})",
        )
        within = (
            f"(SELECT count(*) FROM {other.name} y WHERE {yours} = {mine})",
            f"(SELECT max({inner.column('decimal')}) FROM {other.name} y WHERE {yours} = {mine} AND {condition})",
            f"(SELECT max_by({inner.column('varchar')}, (coalesce({inner.column('timestamp')}, {inner.literal('timestamp')}),"
            f" y.{other.key})) FROM {other.name} y WHERE {yours} = {mine})",
            f"EXISTS (SELECT 1 FROM {other.name} y WHERE {yours} = {mine})",
            f"(SELECT sum({inner.column('decimal')}) FROM {other.name} y)",
            f"{mine} IN (SELECT {yours} FROM {other.name} y)",
        )
        kinds = ("bigint", "decimal", "varchar", "boolean", "decimal", "boolean")
        index = self.random.randrange(len(within))
        items = (
            ((f"x.{one.key}", "c0", "varchar"),)
            + self.items(write, 1)
            + (((within[index], "s1", kinds[index]),) if self.random.random() < 0.6 else ())
        )
        return self.finished(Statement(family, f"{one.name} x", items, (asked,) if self.random.random() < 0.7 else ()))

    def distinct(self, family):
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        made = Statement(
            family, relation.name, self.items(write, self.random.randrange(1, 4), PLAIN + ("array",)), self.conditions(write), distinct=True
        )
        return self.finished(made)

    def unnested(self, family):
        relation = self.relation("array")
        write = Expressions(self.random, self.scope(relation, "x"))
        array = write.of("array", 1)
        source, added = self.random.choice(
            [
                (f"CROSS JOIN UNNEST({array}) AS u (e)", [("e", "varchar")]),
                (f"CROSS JOIN UNNEST({array}) WITH ORDINALITY AS u (e, o)", [("e", "varchar"), ("o", "bigint")]),
                (f"LEFT JOIN UNNEST({array}) AS u (e) ON true", [("e", "varchar")]),
                (f"CROSS JOIN UNNEST({array}, {write.of('array', 1)}) AS u (e, f)", [("e", "varchar"), ("f", "varchar")]),
                (f"CROSS JOIN UNNEST({write.of('map', 1)}) AS u (k, v)", [("k", "varchar"), ("v", "integer")]),
                (
                    f"CROSS JOIN UNNEST(ARRAY[('one', {write.column('decimal')}), ('two', {write.column('decimal')} * 2)]) AS u (m, d)",
                    [("m", "varchar"), ("d", "decimal")],
                ),
                ("CROSS JOIN UNNEST(sequence(1, 3)) AS u (i)", [("i", "bigint")]),
            ]
        )
        wide = Expressions(self.random, write.columns + added * 3)
        source = f"{relation.name} x {source}"
        if self.random.random() < 0.5:
            keys = tuple((name, f"c{index + 1}", kind) for index, (name, kind) in enumerate(added[:1]))
            items = keys + (("count(*)", "n", "bigint"), (f"count(DISTINCT x.{relation.key})", "m", "bigint"))
            return self.finished(
                Statement(
                    family, source, items, self.conditions(wide, 1), keys[0][0], ("count(*) > 1",) if self.random.random() < 0.3 else ()
                )
            )
        items = (
            ((f"x.{relation.key}", "c0", "varchar"),)
            + tuple((name, f"u{index}", kind) for index, (name, kind) in enumerate(added))
            + self.items(wide, 1)
        )
        return self.finished(Statement(family, source, items, self.conditions(wide, 1)))

    def latest(self, family):
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        part, moment = write.column("varchar"), write.column(write.pick("timestamp", "date", "decimal", "integer"))
        way = write.pick("DESC", "", "DESC NULLS FIRST", "NULLS FIRST")
        window = f"PARTITION BY {part} ORDER BY {moment} {way}, {relation.key}"
        inner = f"SELECT *, row_number() OVER ({window}) AS rn FROM {relation.name}"
        made = Statement(
            family,
            f"({inner}) t",
            ((relation.key, "c0", "varchar"),) + self.items(write, 2),
            (write.pick("rn = 1", "rn <= 2"),) + self.conditions(write, 1),
        )
        return self.finished(made)

    def pivoted(self, family):
        relation = self.relation()
        write = Expressions(self.random, self.scope(relation))
        key, text = self.keys(write, 1)[0], write.column("varchar")
        items = (
            key,
            (f"count_if({text} = {write.literal('varchar')})", "p1", "bigint"),
            (f"count_if({text} NOT IN ({write.literal('varchar')}, {write.literal('varchar')}))", "p2", "bigint"),
        )
        items += (
            (f"sum(CASE WHEN {write.of('boolean', 1)} THEN {write.column('decimal')} ELSE 0 END)", "p3", "decimal"),
            (f"sum({write.column('integer')}) FILTER (WHERE {text} IS NULL)", "p4", "bigint"),
        )
        items += (
            (f"element_at(histogram({text}), 'paid')", "p5", "bigint"),
            (f"map_agg({relation.key}, {write.column('integer')})[min({relation.key})]", "p6", "integer"),
        )
        items += (
            (
                f"coalesce(max(CASE WHEN {write.column('boolean')} THEN {write.column('timestamp')} END), TIMESTAMP '2024-01-01 00:00:00')",
                "p7",
                "timestamp",
            ),
        )
        return self.finished(Statement(family, relation.name, items, self.conditions(write, 1), key[0]))

    def looked_up(self, family):
        relation = self.relation("decimal")
        write = Expressions(self.random, self.scope(relation, "x"))
        text = write.column("varchar")
        rows = "('paid', 1.25, DATE '2024-01-01'), ('USD', 0.5, DATE '2024-06-30'), ('a', NULL, NULL), ('k3', 10.00, DATE '9999-12-31')"
        day = write.column("date")
        until = write.pick("", f" AND {day} <= f.until", f" AND {day} <= coalesce(f.until, DATE '9999-12-31')")
        join = write.pick("JOIN", "RIGHT JOIN", "LEFT JOIN")
        source = f"(VALUES {rows}) AS f (w, rate, until) {join} {relation.name} x ON {text} = f.w{until}"
        items = (
            ("f.w", "c1", "varchar"),
            ("f.rate", "c2", "decimal"),
            ("count(*)", "n", "bigint"),
            (f"sum({write.column('decimal')} * f.rate)", "a1", "decimal"),
            (f"sum(CAST({write.column('decimal')} * f.rate AS decimal(18,2)))", "a2", "decimal"),
            (f"avg({write.column('decimal')})", "a3", "decimal"),
        )
        return self.finished(
            Statement(family, source, items, self.conditions(write, 1), "f.w, f.rate" if self.random.random() < 0.5 else "1, 2")
        )

    def sessions(self, family):
        relation = self.relation("timestamp")
        write = Expressions(self.random, self.scope(relation))
        who, moment = write.column("varchar"), write.column("timestamp")
        before = f"lag({moment}) OVER (PARTITION BY {who} ORDER BY {moment}, {relation.key})"
        starts = f"CASE WHEN prev IS NULL OR at - prev > INTERVAL '{write.pick(1, 24, 400)}' HOUR THEN 1 ELSE 0 END"
        head = (
            f"WITH e AS (SELECT {who} AS who, {relation.key} AS id, {moment} AS at, {before} AS prev FROM {relation.name}), "
            f"s AS (SELECT *, sum({starts}) OVER (PARTITION BY who ORDER BY at, id) AS no FROM e)"
        )
        items = (
            ("who", "c1", "varchar"),
            ("no", "c2", "bigint"),
            ("count(*)", "n", "bigint"),
            ("min(at)", "a1", "timestamp"),
            (f"date_diff('{write.pick('second', 'hour', 'day')}', min(at), max(at))", "a2", "bigint"),
            ("array_agg(id ORDER BY at, id)", "a3", "array"),
            ("avg(date_diff('second', prev, at) / 60.0)", "a4", "decimal"),
        )
        return self.finished(Statement(family, "s", items, (), "who, no", self.random.choice([(), ("count(*) > 1",)]), head=head))

    def zoned(self, family):
        relation = self.relation("timestamp")
        write = Expressions(self.random, self.scope(relation))
        zoned = write.of("zoned", 2)
        zone = self.random.choice(ZONES)
        made = (
            (zoned, "z1", "zoned"),
            (f"CAST({zoned} AS varchar)", "z2", "varchar"),
            (f"{write.pick('hour', 'day', 'day_of_week', 'timezone_hour')}({zoned})", "z3", "bigint"),
            (f"format_datetime({zoned}, 'yyyy-MM-dd HH:mm:ss ZZ')", "z4", "varchar"),
            (f"CAST({zoned} AS date)", "z5", "date"),
            (f"date_diff('{write.pick('hour', 'day', 'month')}', {zoned}, {write.of('zoned', 1)})", "z6", "bigint"),
            (f"{zoned} < {write.of('zoned', 1)}", "z7", "boolean"),
            (f"to_unixtime({zoned})", "z8", "double"),
            (f"to_iso8601({zoned})", "z9", "varchar"),
            (f"date_format({zoned}, '%H:%i')", "za", "varchar"),
            (
                f"date_trunc('{write.pick('week', 'day')}', with_timezone({write.column('timestamp')}, 'UTC') AT TIME ZONE '{zone}')",
                "zb",
                "zoned",
            ),
        )
        items = ((relation.key, "c0", "varchar"),) + tuple(self.random.sample(made, 3))
        return self.finished(Statement(family, relation.name, items, self.conditions(write, 1)))

    def json(self, family):
        relations = [one for one in self.keyed if any(name in ("extra", "properties") for name, _ in one.columns)]
        relation = self.random.choice(relations or self.keyed)
        held = next((name for name, _ in relation.columns if name in ("properties", "extra")), relation.key)
        write = Expressions(self.random, self.scope(relation))
        path = lambda: self.random.choice(PATHS)
        made = (
            (f"json_extract_scalar({held}, '{path()}')", "j1", "varchar"),
            (f"json_format(json_extract({held}, '{path()}'))", "j2", "varchar"),
            (f"TRY(CAST(json_extract({held}, '{path()}') AS varchar))", "j3", "varchar"),
            (f"TRY(CAST(json_extract_scalar({held}, '{path()}') AS bigint))", "j4", "bigint"),
            (f"TRY(CAST(json_extract({held}, '{path()}') AS double))", "j5", "double"),
            (f"json_size({held}, '{path()}')", "j6", "bigint"),
            (f"TRY(CAST(json_parse({held}) AS map(varchar, json)))", "j7", "other"),
            (f"json_value({held}, 'lax {path()}' DEFAULT 'none' ON EMPTY DEFAULT 'bad' ON ERROR)", "j8", "varchar"),
            (f"json_exists({held}, 'lax {path()}')", "j9", "boolean"),
            (f"json_query({held}, 'lax {path()}' WITH ARRAY WRAPPER)", "ja", "varchar"),
            (f"json_format({write.of('json', 2)})", "jb", "varchar"),
            (f"json_format(CAST(MAP(ARRAY['b', 'a'], ARRAY[{write.column('varchar')}, {held}]) AS json))", "jc", "varchar"),
            (f"TRY(CAST(json_extract({held}, '$.b.c') AS array(double)))", "jd", "other"),
            (f"is_json_scalar({held})", "je", "boolean"),
            (f"TRY(CAST(json_parse({held}) AS row(a varchar, tier varchar)))", "jf", "other"),
        )
        if self.random.random() < 0.3:
            items = (("k", "c1", "varchar"), ("count(*)", "n", "bigint"), ("max(json_format(v))", "m", "varchar"))
            return self.finished(
                Statement(
                    family,
                    f"{relation.name} CROSS JOIN UNNEST(TRY(CAST(json_parse({held}) AS map(varchar, json)))) AS u (k, v)",
                    items,
                    (),
                    "k",
                )
            )
        return self.finished(
            Statement(
                family, relation.name, ((relation.key, "c0", "varchar"),) + tuple(self.random.sample(made, 3)), self.conditions(write, 1)
            )
        )

    def recursive(self, family):
        relation = self.relation("date", "varchar")
        write = Expressions(self.random, self.scope(relation))
        if self.random.random() < 0.5:
            later = "SELECT date_add('day', 1, day), n + 1 FROM d WHERE n < 6"
            head = f"WITH RECURSIVE d (day, n) AS (SELECT DATE '2024-02-27', 0 UNION ALL {later})"
            items = (
                ("d.day", "c1", "date"),
                ("d.n", "c2", "integer"),
                (f"count(x.{relation.key})", "a1", "bigint"),
                (f"coalesce(sum(x.{self.number(relation)}), 0)", "a2", "decimal"),
            )
            day = Expressions(self.random, relation.columns).column("date")
            return self.finished(Statement(family, f"d LEFT JOIN {relation.name} x ON x.{day} = d.day", items, (), "d.day, d.n", head=head))
        text = write.column("varchar")
        first = f"SELECT {relation.key}, {text}, CAST(NULL AS varchar), 0 FROM {relation.name}"
        later = "SELECT id, substr(rest, 2), substr(rest, 1, 1), n + 1 FROM p WHERE rest <> '' AND n < 5"
        head = f"WITH RECURSIVE p (id, rest, piece, n) AS ({first} UNION ALL {later})"
        return self.finished(
            Statement(family, "p", (("id", "c1", "varchar"), ("n", "c2", "integer"), ("piece", "c3", "varchar")), ("n > 0",), head=head)
        )

    def number(self, relation):
        return next((name for name, kind in relation.columns if kind in ("decimal", "bigint", "integer")), relation.key)

    def nested_by_a_tool(self, family):
        relation = self.relation("decimal")
        write = Expressions(self.random, self.scope(relation, f'"{relation.name}"'))
        quoted = [(f'"{relation.name}"."{name.split(".")[1]}"', kind) for name, kind in write.columns]
        write = Expressions(self.random, quoted)
        unit = write.pick("month", "quarter", "week", "day")
        inner = (
            f'SELECT DATE_TRUNC(\'{unit}\', {write.column("timestamp")}) AS "at", {write.column("varchar")} AS "Some Name",'
            f' {write.column("decimal")} AS "amount", CASE WHEN {write.of("boolean", 1)} THEN TRUE ELSE FALSE END AS "is"'
            f' FROM "{relation.name}"'
        )
        items = (
            ('"source"."at"', '"at"', "timestamp"),
            (
                '(CASE WHEN ("source"."Some Name" IS NULL) THEN \'Null\' WHEN ("source"."Some Name" = \'\') THEN \'Blank\''
                ' ELSE "source"."Some Name" END)',
                '"Calculation_1"',
                "varchar",
            ),
        )
        items += (
            ("COUNT(1)", '"cnt:Number of Records:ok"', "bigint"),
            ('SUM("source"."amount")', '"sum:amount:ok"', "decimal"),
            ('COUNT(DISTINCT "source"."Some Name") + MAX(CASE WHEN "source"."Some Name" IS NULL THEN 1 ELSE 0 END)', '"ctd"', "bigint"),
            ('AVG("source"."amount")', '"avg"', "decimal"),
            ('MIN("source"."is")', '"lo"', "boolean"),
        )
        return self.finished(
            Statement(
                family,
                f'({inner}) "source"',
                items,
                ('(NOT ("source"."at" IS NULL))',) if write.pick(0, 1) else (),
                ", ".join(sql for sql, _, _ in items[:2]),
                ("(COUNT(1) > 0)",),
            )
        )

    def lateral(self, family):
        one, other, left, right, (mine, yours) = self.sides()
        write, inner = Expressions(self.random, left), Expressions(self.random, right)
        taken = f"count(*) AS n, max({inner.column('decimal')}) AS m, min({inner.column('timestamp')}) AS f"
        condition = write.pick("", " AND " + inner.of("boolean", 0))
        source = f"{one.name} x CROSS JOIN LATERAL (SELECT {taken} FROM {other.name} y WHERE {yours} = {mine}{condition}) l"
        return self.finished(
            Statement(
                family,
                source,
                ((f"x.{one.key}", "c0", "varchar"), ("l.n", "c1", "bigint"), ("l.m", "c2", "decimal"), ("l.f", "c3", "timestamp")),
                self.conditions(write, 1),
            )
        )
