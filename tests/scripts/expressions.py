"""Random expressions of Athena SQL, each of a type that was asked for, over columns in scope.

What it writes is meant to be accepted by both engines; where it is not, both should refuse. What has no single answer is left out:
estimates, random numbers, the present moment, aggregates that depend on an order which is not total.
"""

import re

LATER = re.compile("\0(\\w+) (\\d+)\0")
PLAIN = ("varchar", "boolean", "integer", "bigint", "decimal", "double", "date", "timestamp")
NUMBERS = ("integer", "bigint", "decimal", "double")
ZONES = ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "UTC", "Asia/Kolkata"]
LITERALS = {
    "varchar": ["''", "'a'", "'A'", "'paid'", "'USD'", "'é'", "'🔥'", "'o''clock'", "'10'", "' 7 '", "'k3'", "'x,y'", "'2024-02-29'"],
    "boolean": ["true", "false"],
    "integer": ["0", "1", "2", "3", "-1", "7", "100"],
    "bigint": ["BIGINT '0'", "BIGINT '5'", "3000000000", "-3000000000"],
    "decimal": ["0.5", "1.25", "9.9900", "DECIMAL '-5'", "100.0", "0.0001", "DECIMAL '12345678901.5'"],
    "double": ["0.5e0", "1e0", "-1.5e0", "0e0", "1.024e3"],
    "date": ["DATE '2024-02-29'", "DATE '2024-12-31'", "DATE '2024-03-31'", "DATE '1969-12-31'"],
    "timestamp": ["TIMESTAMP '2024-02-29 12:34:56.789'", "TIMESTAMP '2024-12-31 23:59:59.999'", "TIMESTAMP '2024-03-10 02:30:00'"],
}
UNITS = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"]
PATTERNS = ["[aeiou]", "\\d+", "(\\w)(\\w*)", "^\\s*$", "[^a-z]", "(a|é)", "k[1-4]", "\\.", "(?i)PAID", "."]
LIKES = ["'%a%'", "'_'", "'pa%'", "'%!%' ESCAPE '!'", "'k_'", "'%é'", "''", "'%a\\_b' ESCAPE '\\'"]
MYSQL = ["%Y-%m", "%a %d %b %y", "%H:%i:%s", "%W %M %e", "%j", "%p %h", "%Y-%m-%d %H:%i:%s.%f", "%T", "%r", "%x-%v"]
JODA = ["yyyy-MM-dd", "EEE, d MMM yyyy", "HH:mm:ss.SSS", "yy/M/d h a", "D", "xxxx-'W'ww-e", "yyyy-MM-dd'T'HH:mm:ss", "EEEE MMMM"]
PATHS = ["$.a", "$.b", "$.b.c", "$.b.c[1]", "$.tier", "$.tags[0]", "$.tags", "$.n", "$", "$[0]", "$.ok"]


class Expressions:
    """Writes expressions over `columns`, a list of (SQL name, kind)."""

    def __init__(self, random, columns):
        self.random = random
        self.columns = columns

    def pick(self, *choices):
        return self.random.choice(choices)

    def some(self, values):
        return self.random.choice(values)

    def kind(
        self, kinds=("varchar", "varchar", "boolean", "integer", "bigint", "double", "decimal", "decimal", "date", "timestamp", "timestamp")
    ):
        return self.random.choice(kinds)

    def has(self, kind):
        return any(other == kind for _, other in self.columns)

    def column(self, kind):
        """A column of a kind, or a literal where there is none."""
        names = [name for name, other in self.columns if other == kind]
        if names:
            return self.some(names)
        return self.literal(kind)

    def literal(self, kind):
        if kind == "array":
            return self.pick("ARRAY['a', 'b', NULL]", "ARRAY['']", "ARRAY['k1', 'k2', 'k1']")
        if kind == "map":
            return self.pick("MAP(ARRAY['a', 'b'], ARRAY[1, NULL])", "MAP(ARRAY['é'], ARRAY[5])")
        if kind == "zoned":
            return self.pick(
                "TIMESTAMP '2024-11-03 01:30:00 America/New_York'",
                "TIMESTAMP '2024-02-29 12:00:00.000 UTC'",
                "TIMESTAMP '2024-03-31 01:59:59.999 +01:00'",
            )
        if kind == "json":
            return self.pick("JSON '{\"a\": [1, 2.5]}'", "JSON 'null'", "JSON '\"x\"'")
        return self.some(LITERALS[kind])

    def of(self, kind, depth=2):
        """An expression of a kind."""
        return LATER.sub(lambda held: self.of(held[1], int(held[2])), self.once(kind, depth))

    @staticmethod
    def later(kind, depth):
        """Stands for an expression in a form that may not be taken: of a form that is, each is written in its turn."""
        return f"\0{kind} {depth}\0"

    def once(self, kind, depth):
        """An expression of a kind, whose parts are still to be written."""
        if depth <= 0 or self.random.random() < 0.25:
            return self.column(kind) if self.random.random() < 0.85 else self.literal(kind)
        if kind in LITERALS and self.random.random() < 0.2:
            return self.common(kind, depth - 1)
        return getattr(self, kind)(depth - 1)

    def common(self, kind, depth):
        """Forms that every type has."""
        one, other = self.later(kind, depth), self.later(kind, depth)
        condition = self.later("boolean", depth)
        return self.pick(
            f"coalesce({one}, {other})",
            f"nullif({one}, {other})",
            f"CASE WHEN {condition} THEN {one} ELSE {other} END",
            f"CASE WHEN {condition} THEN {one} END",
            f"CASE {self.column('varchar')} WHEN {self.literal('varchar')} THEN {one} WHEN 'paid' THEN {other} END",
            f"if({condition}, {one}, {other})",
            f"if({condition}, {one})",
            f"greatest({one}, {other})",
            f"least({one}, {other})",
            f"TRY({one})",
            f"element_at(ARRAY[{one}, {other}], {self.pick(1, 2, 3, -1)})",
            f"ARRAY[{one}, {other}][{self.pick(1, 2)}]",
            f"CAST(ROW({one}, 1) AS ROW(f {self.sql_type(kind)}, g integer)).f",
        )

    @staticmethod
    def sql_type(kind):
        return {"decimal": "decimal(38,4)", "timestamp": "timestamp(3)"}.get(kind, kind)

    def varchar(self, depth):
        text, other = self.later("varchar", depth), self.later("varchar", depth)
        moment, number = self.later("timestamp", depth), self.random.randrange(-3, 4)
        return self.pick(
            f"{self.pick('lower', 'upper', 'trim', 'ltrim', 'rtrim', 'reverse')}({text})",
            f"{text} || {other}",
            f"concat({text}, '-', {other})",
            f"concat_ws({self.pick(repr('|'), other)}, {text}, {other}, {self.column('varchar')})",
            f"substr({text}, {number})",
            f"substr({text}, {number}, {self.pick(0, 1, 3)})",
            f"substring({text} FROM {abs(number)} FOR 2)",
            f"replace({text}, {self.literal('varchar')}, {self.literal('varchar')})",
            f"split_part({text}, {self.pick(repr(','), repr('.'), repr('-'))}, {self.pick(1, 2, 5)})",
            f"regexp_replace({text}, '{self.some(PATTERNS)}', {self.pick(repr('*'), repr('<$0>'), repr(''))})",
            f"regexp_replace({text}, '{self.some(PATTERNS)}')",
            f"regexp_extract({text}, '{self.some(PATTERNS)}')",
            f"regexp_extract({text}, '(\\w)(\\w*)', {self.pick(0, 1, 2)})",
            f"lpad({text}, {self.pick(0, 1, 4)}, {self.pick(repr('x'), repr('éa'))})",
            f"rpad({text}, {self.pick(0, 2, 5)}, 'xy')",
            f"translate({text}, 'aeké', 'XY')",
            f"date_format({moment}, '{self.some(MYSQL)}')",
            "format_datetime({}, '{}')".format(moment, self.some(JODA).replace("'", "''")),
            f"CAST({self.later(self.kind(), depth)} AS varchar)",
            f"CAST({text} AS varchar({self.pick(1, 2, 5)}))",
            f"json_extract_scalar({self.column('varchar')}, '{self.some(PATHS)}')",
            f"TRY(json_extract_scalar({text}, '{self.some(PATHS)}'))",
            f"json_format({self.later('json', depth)})",
            f"array_join({self.later('array', depth)}, {self.pick(repr(','), repr(''))})",
            f"array_join({self.later('array', depth)}, '|', '∅')",
            f"element_at({self.later('array', depth)}, {self.pick(1, 2, -1)})",
            f"array_{self.pick('max', 'min')}({self.later('array', depth)})",
            f"to_hex({self.pick('md5', 'sha1', 'sha256', 'xxhash64')}(to_utf8({text})))",
            f"to_base64(to_utf8({text}))",
            f"from_utf8(to_utf8({text}))",
            f"url_extract_{self.pick('host', 'path', 'query', 'protocol', 'fragment')}({self.column('varchar')})",
            f"url_extract_parameter({self.column('varchar')}, '{self.pick('q', 'a', 'utm_source')}')",
            f"url_encode({text})",
            f"typeof({self.later(self.kind(), depth)})",
            f"to_iso8601({self.later(self.pick('timestamp', 'date'), depth)})",
            f"format('%s/%d', {text}, {self.later('bigint', depth)})",
            f"chr({self.pick(65, 233, 128293)})",
            f"normalize({text})",
        )

    def boolean(self, depth):
        kind = self.kind(("varchar", "integer", "bigint", "decimal", "double", "date", "timestamp"))
        one, other = self.later(kind, depth), self.later(kind, depth)
        text = self.later("varchar", depth)
        negated = self.pick("", "NOT ")
        return self.pick(
            f"{one} {self.pick('=', '<>', '<', '<=', '>', '>=')} {other}",
            f"{self.column(kind)} {self.pick('=', '<>', '<', '<=', '>', '>=')} {self.literal(kind)}",
            f"{self.later('decimal', depth)} {self.pick('<', '=', '>=')} {self.later(self.pick('integer', 'bigint', 'double'), depth)}",
            f"{self.column('timestamp')} {self.pick('<', '=', '>=')} {self.later('date', depth)}",
            f"{one} {negated}BETWEEN {self.literal(kind)} AND {other}",
            f"{one} {negated}IN ({self.literal(kind)}, {other}{self.pick('', ', NULL')})",
            f"{text} {negated}LIKE {self.some(LIKES)}",
            f"{one} IS {negated}NULL",
            f"{one} IS {negated}DISTINCT FROM {other}",
            f"regexp_like({text}, '{self.some(PATTERNS)}')",
            f"starts_with({text}, {self.literal('varchar')})",
            f"contains({self.later('array', depth)}, {self.literal('varchar')})",
            f"({self.later('boolean', depth)} {self.pick('AND', 'OR')} {self.later('boolean', depth)})",
            f"NOT ({self.later('boolean', depth)})",
            f"{self.pick('any', 'all', 'none')}_match({self.later('array', depth)},"
            f" x -> x {self.pick('=', '<')} {self.literal('varchar')})",
            f"is_nan({self.later('double', depth)})",
            f"({one}, {self.column('varchar')}) {self.pick('=', '<>')} ({other}, {self.literal('varchar')})",
            f"({one}, {self.column('varchar')}) IN (({other}, {self.literal('varchar')}), ({self.literal(kind)}, 'a'))",
            f"arrays_overlap({self.later('array', depth)}, {self.later('array', depth)})",
            f"json_array_contains({self.later('json', depth)}, 1)",
        )

    def integer(self, depth):
        one, other = self.later("integer", depth), self.later("integer", depth)
        return self.pick(
            f"({one} {self.pick('+', '-')} {other})",
            f"({one} {self.pick('/', '%')} {self.pick(2, 3, -7)})",
            f"abs({one})",
            f"sign({one})",
            f"-({one})",
            f"round({one}, {self.pick(-1, 0, 1)})",
            f"mod({one}, 3)",
            f"TRY_CAST({self.later('varchar', depth)} AS integer)",
            f"CAST({self.later('boolean', depth)} AS integer)",
            f"TRY_CAST({self.later(self.pick('decimal', 'double', 'bigint'), depth)} AS integer)",
            f"element_at({self.later('map', depth)}, {self.pick(repr('a'), repr('b'), repr(''))})",
            f"ceiling({one})",
            f"floor({one})",
            f"TRY_CAST({one} AS smallint) + 1",
        )

    def bigint(self, depth):
        one, other, text = self.later("bigint", depth), self.later("bigint", depth), self.later("varchar", depth)
        moment, later = self.later(self.pick("timestamp", "date"), depth), self.later("timestamp", depth)
        return self.pick(
            f"length({text})",
            f"strpos({text}, {self.literal('varchar')})",
            f"position('a' IN {text})",
            f"levenshtein_distance({text}, {self.literal('varchar')})",
            f"({one} {self.pick('+', '-')} {self.later(self.pick('integer', 'bigint'), depth)})",
            f"({one} {self.pick('/', '%')} {self.pick(2, 3, -7)})",
            f"abs({one})",
            f"sign({one})",
            f"mod({one}, {self.pick(2, -3)})",
            f"round({one}, -1)",
            f"bitwise_and({one}, {other})",
            f"bitwise_xor({one}, 3)",
            f"{self.pick('year', 'month', 'day', 'quarter', 'week', 'day_of_week', 'day_of_year', 'year_of_week')}({moment})",
            f"{self.pick('hour', 'minute', 'second', 'millisecond')}({later})",
            f"extract({self.pick('YEAR', 'DOW', 'DOY', 'WEEK', 'QUARTER', 'MONTH')} FROM {moment})",
            f"date_diff('{self.some(UNITS)}', {self.later('timestamp', depth)}, {later})",
            f"date_diff('{self.pick('day', 'week', 'month', 'quarter', 'year')}',"
            f" {self.later('date', depth)}, {self.later('date', depth)})",
            f"cardinality({self.later(self.pick('array', 'map'), depth)})",
            f"array_position({self.later('array', depth)}, {self.literal('varchar')})",
            f"TRY_CAST({text} AS bigint)",
            f"TRY_CAST({self.later(self.pick('decimal', 'double', 'integer'), depth)} AS bigint)",
            f"regexp_count({text}, '{self.some(PATTERNS)}')",
            f"regexp_position({text}, '{self.some(PATTERNS)}')",
            f"json_array_length({self.later('json', depth)})",
            f"json_size({self.later('json', depth)}, '{self.some(PATHS)}')",
            f"width_bucket({self.later('double', depth)}, -10e0, 100e0, 5)",
            f"CAST(to_unixtime({later}) AS bigint)",
            f"codepoint(CAST(nullif(substr({text}, 1, 1), '') AS varchar(1))) + BIGINT '0'",
            f"to_milliseconds({later} - {self.column('timestamp')})",
            f"from_base(substr(to_hex(md5(to_utf8({text}))), 1, 6), 16)",
            f"crc32(to_utf8({text}))",
            f"reduce({self.later('array', depth)}, BIGINT '0', (s, x) -> s + coalesce(length(x), 0), s -> s)",
        )

    def decimal(self, depth):
        one, number = self.later("decimal", depth), self.later(self.pick("integer", "bigint", "decimal"), depth)
        return self.pick(
            f"({one} {self.pick('+', '-', '*')} {number})",
            f"({one} / nullif({number}, 0))",
            f"({one} % 3.5)",
            f"-({one})",
            f"abs({one})",
            f"sign({one})",
            f"round({one})",
            f"round({one}, {self.pick(-1, 0, 1, 2)})",
            f"truncate({one}, {self.pick(0, 2)})",
            f"truncate({one})",
            f"{self.pick('ceil', 'floor', 'ceiling')}({one})",
            f"CAST({one} AS decimal(18,{self.pick(0, 2, 4)}))",
            f"TRY_CAST({one} AS decimal(5,2))",
            f"TRY_CAST({self.later('varchar', depth)} AS decimal(10,2))",
            f"CAST({self.later(self.pick('integer', 'double'), depth)} AS decimal(30,3))",
            f"mod({one}, 0.75)",
            f"TRY({one} / {number})",
        )

    def double(self, depth):
        one, other = self.later("double", depth), self.later("double", depth)
        return self.pick(
            f"({one} {self.pick('+', '-', '*', '/')} {other})",
            f"({one} % 3e0)",
            f"({one} * {self.later(self.pick('integer', 'decimal'), depth)})",
            f"abs({one})",
            f"sign({one})",
            f"round({one})",
            f"round({one}, {self.pick(-1, 1, 2)})",
            f"truncate({one})",
            f"{self.pick('ceil', 'floor')}({one})",
            f"sqrt(abs({one}))",
            f"{self.pick('ln', 'log10', 'log2')}(1 + abs({one}))",
            f"cbrt({one})",
            f"power({self.column('double')}, 2)",
            f"exp(-abs({one}))",
            f"atan2({one}, 2e0)",
            f"TRY_CAST({self.later('varchar', depth)} AS double)",
            f"CAST({self.later(self.pick('decimal', 'integer', 'bigint', 'boolean'), depth)} AS double)",
            f"to_unixtime({self.later('timestamp', depth)})",
            f"mod({one}, 0.75e0)",
            f"degrees({one})",
            f"nullif({one}, 0e0) / 3",
        )

    def date(self, depth):
        one, moment = self.later("date", depth), self.later("timestamp", depth)
        number = self.pick("1", "-1", "31", self.column("integer"))
        return self.pick(
            f"CAST({moment} AS date)",
            f"date({moment})",
            f"date_trunc('{self.pick('day', 'week', 'month', 'quarter', 'year')}', {one})",
            f"date_add('{self.pick('day', 'week', 'month', 'quarter', 'year')}', {number}, {one})",
            f"last_day_of_month({self.later(self.pick('date', 'timestamp'), depth)})",
            f"({one} {self.pick('+', '-')} INTERVAL '{self.pick(1, 30)}' {self.pick('DAY', 'MONTH', 'YEAR')})",
            f"TRY_CAST({self.later('varchar', depth)} AS date)",
            f"TRY(date({self.column('varchar')}))",
            f"TRY(from_iso8601_date({self.column('varchar')}))",
            f"CAST(date_parse(date_format({moment}, '%Y-%m-01'), '%Y-%m-%d') AS date)",
        )

    def timestamp(self, depth):
        one = self.later("timestamp", depth)
        number = self.pick("1", "-1", "31", self.column("integer"))
        return self.pick(
            f"date_trunc('{self.some(UNITS)}', {one})",
            f"date_add('{self.some(UNITS)}', {number}, {one})",
            f"date_add('millisecond', 1, {one})",
            f"({one} {self.pick('+', '-')} INTERVAL '{self.pick(1, 30)}' {self.pick('MINUTE', 'HOUR', 'DAY', 'MONTH', 'YEAR')})",
            f"CAST({self.later('date', depth)} AS timestamp)",
            f"TRY_CAST({self.later('varchar', depth)} AS timestamp)",
            f"CAST(CAST({one} AS varchar) AS timestamp)",
            f"date_parse(date_format({one}, '%Y-%m-%d %H:%i:%s'), '%Y-%m-%d %H:%i:%s')",
            f"TRY(date_parse({self.column('varchar')}, '%Y-%m-%d'))",
            f"CAST(from_unixtime({self.later('bigint', 0)} * 1000) AS timestamp)",
            f"CAST({self.later('date', depth)} AS timestamp(3)) + INTERVAL '1' HOUR",
        )

    def zoned(self, depth):
        one = self.later("timestamp", depth)
        return self.pick(
            f"{one} AT TIME ZONE '{self.some(ZONES)}'",
            f"with_timezone({one}, '{self.some(ZONES)}')",
            f"at_timezone(with_timezone({one}, 'UTC'), '{self.some(ZONES)}')",
            f"TRY(from_iso8601_timestamp({self.column('varchar')}))",
            f"date_trunc('{self.pick('hour', 'day', 'month')}', {one} AT TIME ZONE '{self.some(ZONES)}')",
            f"date_add('day', 1, with_timezone({one}, '{self.some(ZONES)}'))",
            f"from_unixtime({self.later('double', 0)} * 86400)",
            f"parse_datetime(format_datetime({one}, 'yyyy/MM/dd HH:mm'), 'yyyy/MM/dd HH:mm')",
        )

    def array(self, depth):
        one, other, text = self.later("array", depth), self.later("array", depth), self.later("varchar", depth)
        return self.pick(
            f"split({text}, {self.pick(repr(','), repr('-'), repr('a'))})",
            f"split({text}, ',', 2)",
            f"array_{self.pick('distinct', 'sort')}({one})",
            f"reverse({one})",
            f"array_sort(filter({one}, x -> x IS NOT NULL), (a, b) -> IF(a < b, 1, IF(a = b, 0, -1)))",
            f"array_{self.pick('union', 'intersect', 'except')}({one}, {other})",
            f"concat({one}, {other})",
            f"({one} || {other})",
            f"filter({one}, x -> {self.pick('x IS NOT NULL', 'length(x) > 1', 'x < ' + self.literal('varchar'))})",
            f"transform({one}, x -> {self.pick('upper(x)', 'x || x', 'CAST(length(x) AS varchar)')})",
            f"transform({one}, x -> coalesce(x, {self.literal('varchar')}))",
            f"slice({one}, {self.pick(1, 2, -2)}, 2)",
            f"array_remove({one}, {self.literal('varchar')})",
            f"ARRAY[{text}, {self.column('varchar')}]",
            f"regexp_extract_all({text}, '{self.some(PATTERNS)}')",
            f"regexp_split({text}, '\\s*[,.]\\s*')",
            f"map_keys({self.later('map', depth)})",
            f"flatten(ARRAY[{one}, {other}])",
            f"zip_with({one}, {other}, (x, y) -> concat(x, y))",
            f"repeat({text}, 2)",
            f"TRY(CAST(json_extract({self.column('varchar')}, '{self.pick('$.tags', '$.b.c')}') AS array(varchar)))",
        )

    def map(self, depth):
        one = self.later("map", depth)
        return self.pick(
            f"map_filter({one}, (k, v) -> {self.pick('v > 0', 'k <> ' + repr('a'))})",
            f"transform_values({one}, (k, v) -> coalesce(v, 0) + 1)",
            f"map_concat({one}, {self.literal('map')})",
            f"MAP(ARRAY['x', 'y'], ARRAY[{self.column('integer')}, 2])",
        )

    def json(self, depth):
        kinds = ("varchar", "integer", "bigint", "boolean", "decimal", "double", "date", "array", "map", "timestamp")
        return self.pick(
            f"TRY(json_parse({self.column('varchar')}))",
            f"TRY(json_extract({self.column('varchar')}, '{self.some(PATHS)}'))",
            f"CAST({self.later(self.kind(kinds), depth)} AS json)",
            f"CAST(ROW({self.column('varchar')}, {self.column('integer')}) AS json)",
            f"json_array_get({self.later('json', depth)}, {self.pick(0, 1, -1)})",
        )
