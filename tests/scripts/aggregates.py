"""Random aggregates and window functions, of those that have one answer alone whatever the order of the rows.

`key` is an expression that is another in each row: orders that decide an answer end in it.
"""

from expressions import NUMBERS, PLAIN

WINDOW = ("PARTITION BY {p} ORDER BY {o}", "PARTITION BY {p}", "ORDER BY {o}", "PARTITION BY {p}, {q} ORDER BY {o}")


def aggregate(random, write, key):
    """An aggregate with one answer, and its kind."""
    number = random.choice(NUMBERS)
    kind = random.choice(PLAIN)
    one, text, condition = write.of(kind, 1), write.of("varchar", 1), write.of("boolean", 1)
    # Doubles are summed as they stand: sums of any others depend on the order of the rows.
    summed = write.of(number, 1) if number != "double" else write.column("double")
    double = write.column("double")
    result = {"integer": "bigint"}.get(number, number)
    mean = "decimal" if number == "decimal" else "double"
    made = random.choice(
        [
            ("count(*)", "bigint"),
            (f"count({one})", "bigint"),
            (f"count(DISTINCT {one})", "bigint"),
            (f"sum({summed})", result),
            (f"sum({summed})", result),
            (f"avg({summed})", mean),
            (f"min({one})", kind),
            (f"max({one})", kind),
            (f"count_if({condition})", "bigint"),
            (f"bool_{write.pick('and', 'or')}({condition})", "boolean"),
            (f"sum(DISTINCT {write.column('decimal')})", "decimal"),
            (f"{write.pick('max_by', 'min_by')}({one}, (coalesce({write.column(kind)}, {write.literal(kind)}), {key}))", kind),
            (f"max_by({one}, {key})", kind),
            (f"array_agg({text} ORDER BY {key})", "array"),
            (f"array_agg(DISTINCT {text} ORDER BY {text})", "array"),
            (f"array_sort(array_agg({one}))", "other"),
            (f"listagg({text}, ',') WITHIN GROUP (ORDER BY {text}, {key})", "varchar"),
            (f"round({write.pick('stddev', 'stddev_pop', 'variance', 'var_pop')}({write.column(number)}), 4)", "double"),
            (f"histogram({write.column('varchar')})", "map"),
            (f"map_agg({key}, {one})", "other"),
            (f"cardinality(map_union({write.of('map', 1)}))", "bigint"),
            (f"{write.pick('max', 'min')}({one}, 2)", "other"),
            (f"bitwise_or_agg({write.column('bigint')})", "bigint"),
            (f"every({condition})", "boolean"),
            (f"count(DISTINCT {write.of('array', 1)})", "bigint"),
            (f"count(DISTINCT ({write.column('varchar')}, {write.column('boolean')}))", "bigint"),
            (f"round(covar_pop({double}, {double}), 4)", "double"),
            (f"sum(IF({condition}, 1, 0))", "bigint"),
            (f"sum({write.column('decimal')}) / nullif(count({one}), 0)", "decimal"),
            (f"round(100.0 * count_if({condition}) / count(*), 1)", "decimal"),
            (f"array_agg({write.column('decimal')} ORDER BY {write.column('decimal')} DESC, {key})", "other"),
            (f"max({write.column('timestamp')}) - min({write.column('timestamp')})", "other"),
            (f"coalesce(sum({summed}), 0)", result),
        ]
    )
    name = made[0].split("(")[0]
    if (
        name in ("count", "min", "max", "array_agg", "max_by", "min_by", "histogram", "avg")
        and random.random() < 0.2
        and " - " not in made[0]
    ):
        return f"{made[0]} FILTER (WHERE {condition})", made[1]
    return made


def over(random, write, key):
    """A window function, and its kind; windows whose rows have an order have a total one where that counts."""
    kind, number = random.choice(PLAIN), random.choice(NUMBERS)
    one, column = write.of(kind, 1), write.column(number)
    tie, part, other = write.of(random.choice(PLAIN), 0), write.of(random.choice(PLAIN), 0), write.column("boolean")
    way = write.pick("", " DESC", " NULLS FIRST", " DESC NULLS FIRST")
    ties, total = f"{tie}{way}", f"{tie}{way}, {key}"
    fill = lambda shape, order: shape.format(p=part, q=other, o=order)
    shape = write.some(WINDOW)
    ordered = write.pick(WINDOW[0], WINDOW[2], WINDOW[3])
    frame = write.pick(
        "",
        " ROWS UNBOUNDED PRECEDING",
        " ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
        " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
        " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
        " ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING",
        " ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING",
    )
    range_of = write.pick(
        "",
        " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
        " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
        " RANGE BETWEEN CURRENT ROW AND CURRENT ROW",
    )
    nulls = write.pick("", "", " IGNORE NULLS")
    summed = {"integer": "bigint"}.get(number, number)
    whole = write.column(write.pick("integer", "bigint", "decimal"))
    moment = write.column(write.pick("date", "timestamp"))
    near = f"RANGE BETWEEN 2 PRECEDING AND {write.pick('CURRENT ROW', '1 FOLLOWING')}"
    days = f"RANGE BETWEEN INTERVAL '{write.pick(1, 30)}' DAY PRECEDING AND CURRENT ROW"
    return random.choice(
        [
            (f"row_number() OVER ({fill(ordered, total)})", "bigint"),
            (f"{write.pick('rank', 'dense_rank')}() OVER ({fill(ordered, ties)})", "bigint"),
            (f"{write.pick('percent_rank', 'cume_dist')}() OVER ({fill(ordered, ties)})", "double"),
            (f"ntile({write.pick(2, 3, 7)}) OVER ({fill(ordered, total)})", "bigint"),
            (f"sum({column}) OVER ({fill(ordered, total)}{frame})", summed),
            (f"sum({column}) OVER ({fill(ordered, ties)}{range_of})", summed),
            (f"avg({column}) OVER ({fill(ordered, total)}{frame})", "decimal" if number == "decimal" else "double"),
            (f"count({one}) OVER ({fill(shape, ties)})", "bigint"),
            (f"{write.pick('min', 'max')}({one}) OVER ({fill(ordered, total)}{frame})", kind),
            (f"{write.pick('lag', 'lead')}({one}{write.pick('', ', 1', ', 2')}){nulls} OVER ({fill(ordered, total)})", kind),
            (f"{write.pick('lag', 'lead')}({one}, 1, {write.literal(kind)}) OVER ({fill(ordered, total)})", kind),
            (f"{write.pick('first_value', 'last_value')}({one}){nulls} OVER ({fill(ordered, total)}{frame})", kind),
            (f"nth_value({one}, 2) OVER ({fill(ordered, total)}{frame})", kind),
            (f"count(*) OVER ({fill(ordered, ties)}{range_of})", "bigint"),
            (
                f"count(*) OVER (PARTITION BY {part} ORDER BY {whole}{write.pick('', ' DESC')} {near})",
                "bigint",
            ),
            (
                f"count(*) OVER (ORDER BY {moment}{write.pick('', ' DESC')} {days})",
                "bigint",
            ),
            (f"max_by({one}, {key}) OVER ({fill(ordered, total)})", kind),
            (f"array_agg({write.column('varchar')}) OVER ({fill(ordered, total)}{frame})", "array"),
            (f"count_if({write.of('boolean', 1)}) OVER ({fill(shape, ties)})", "bigint"),
            (f"sum(IF({write.of('boolean', 1)}, {column})) OVER ({fill(shape, ties)})", summed),
        ]
    )
