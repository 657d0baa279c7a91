"""Amounts in texts: separators, signs, digits of any script, and the currency in the cell.

A column is brought into plain numbers with a decimal point before anything else reads
it; what can be read in two ways, 1.234, is refused with both readings and the key that
decides. Rial and Toman differ by a factor of ten: the store keeps one of them, and what
was converted is counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from leakkit import limits
from leakkit.config import DIGITS, fold_name
from leakkit.errors import Ask, Fault, LeakkitError
from leakkit.sources.cells.money_units import (
    CURRENCIES,
    UNCLEAR,
    Unit,
    plainly,
    unit_of,
    unit_of_cell,
)
from leakkit.sources.formats.rows import rewritten
from leakkit.store.database import literal, literals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leakkit.config import Config
    from leakkit.sources.headings.reading import Reading, Table

SHOWN = 3
MOST_SHAPES = 5_000
NEARLY_ALL = 0.9
"""Of amounts that a column for readers shows too, so many have to say the same."""
DOLLARS = (
    *("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD"),
    *("MXN", "ARS", "CLP", "COP", "UYU", "DOP"),
)
"""The currencies whose sign is `$`: which one is meant is said elsewhere, or it is the USD."""
RIAL, TOMAN = "IRR", "IRT"
RIALS_PER_TOMAN = 10

GROUP = {".": "[,' \u066c\u2019]", ",": "[.' \u066c\u2019]"}
NUMBER = {
    point: (
        rf"\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}}(?:\{point}\d+)?"
        rf"|\d+(?:\{point}\d+)?|\{point}\d+|\d+\{point}"
    )
    for point, group in GROUP.items()
}
"""How a number is written, by its decimal sign; groups of two are those of India."""
EXPONENT = r"\d+(?:\.\d+)?[eE][+-]?\d+"
AMBIGUOUS = r"[1-9]\d{0,2}[.,]\d{3}"
MARK = r"([^\d.,()+\-]*)"
CELL = (
    rf"^{MARK}([-+(]?)\s*{MARK}\s*([\d.,' \x{{066c}}\x{{2019}}eE]*\d[.,]?(?:[eE][+-]?\d+)?)"
    rf"\s*([-)]?)\s*{MARK}$"
)
"""Mark, sign, mark, number, sign, mark."""


def plain_money(reading: Reading, table: Table) -> Table:
    """Return a table whose values are plain numbers in whole units, with the currency in a column.

    Columns of numbers, and texts that are plain numbers already, are left alone, but where
    a heading says that they are counted in thousands or millions.
    """
    return _in_units(reading, _plain_numbers(reading, table))


def _plain_numbers(reading: Reading, table: Table) -> Table:
    """Return a table whose values are plain numbers, as they are written."""
    heading = table.heading("value")
    if heading is None or table.types[heading] != "VARCHAR":
        return _plain_codes(reading, table)
    if not _is_odd(reading, table, heading):
        return _plain_codes(reading, table)
    said = _clean_text(table, heading)
    point = _decimal(reading, table, heading, said)
    units = _units(reading, table, heading, said)
    marks = _marks(reading, table, heading, said, units)
    number = _number_sql(said, point, units | marks, units)
    columns = {heading: f"COALESCE({number}, {table.text_under(heading)})"}
    more = {}
    if marks:
        code, own = _code_sql(said, marks), table.heading("currency")
        if own:
            given = table.text_under(own)
            # two currencies for one amount: neither is believed, and the amount is a fault
            sign = f"{_mark(said)} = '$' AND upper({given}) IN ({literals(DOLLARS)})"
            code = f"CASE WHEN {sign} THEN '' ELSE {code} END"
            clash = f"{code} <> '' AND {given} <> '' AND upper({given}) <> {code}"
            text = table.text_under(heading)
            columns[heading] = f"CASE WHEN {clash} THEN {text} ELSE {columns[heading]} END"
            columns[own] = f"CASE WHEN {code} <> '' THEN {code} ELSE {given} END"
        else:
            more = {"currency": code}
    return _plain_codes(reading, rewritten(reading, table, columns, "money", more))


def _is_odd(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether some cells are no plain numbers, or all that have a point could be thousands."""
    text = table.text_under(heading)
    plain, cut, clear = reading.store.rows(
        f"""
        SELECT count(*) FILTER (said <> '' AND TRY_CAST(said AS DECIMAL(24, 6)) IS NULL),
               count(*) FILTER (place > 0 AND regexp_full_match(said, '[-+]?{AMBIGUOUS}')),
               count(*) FILTER (place > 0 AND NOT regexp_full_match(said, '[-+]?{AMBIGUOUS}'))
        FROM (SELECT {text} AS said, strpos({text}, '.') AS place FROM {table.relation})
        """,  # noqa: S608 - quoted
    )[0]
    decided = reading.config.source.decimal != "auto"
    return bool(plain) or decided or bool(cut and not clear)


def _clean_text(table: Table, heading: str) -> str:
    """Return SQL for a text with Latin digits, usual spaces and the signs of Persian as others'."""
    unseen = r"[\x{200b}-\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}]"
    text = f"regexp_replace({table.text_under(heading)}, '{unseen}', '', 'g')"
    # a dot behind a word shortens it: Mio.
    text = rf"regexp_replace({text}, '(\p{{L}})\.', '\1', 'g')"
    # a dash in the place of cents: 1.234,-
    text = rf"regexp_replace({text}, '(\p{{Nd}})([.,])[-\x{{2013}}\x{{2014}}]+', '\1\200')"
    signs = "\u066b\u2212\u00a0\u202f\u2009"
    return f"trim(translate({text}, '{DIGITS}{signs}', '01234567890123456789{_POINT}-   '))"


_POINT = "\u00b7"
"""Stands for the Persian decimal sign, which is never a thousands separator."""


def _part(said: str, place: int) -> str:
    """Return SQL for one part of a cell; '' where the cell is no amount."""
    cell = CELL.replace("'", "''").replace(".,", f".,{_POINT}")
    return f"trim(regexp_extract({said}, '{cell}', {place}))"


def _core(said: str) -> str:
    """Return SQL for the digits and separators of a cell."""
    return _part(said, 4)


def _mark(said: str) -> str:
    """Return SQL for what stands beside the number of a cell."""
    return f"{_part(said, 1)} || {_part(said, 3)} || {_part(said, 6)}"


def _decimal(reading: Reading, table: Table, heading: str, said: str) -> str:
    """Decide which sign is the decimal one, from the shapes of all cells."""
    source = reading.config.source
    if source.decimal != "auto":
        return source.decimal
    rows = reading.store.rows(
        f"""
        SELECT regexp_replace(core, '[0-9]', '9', 'g') AS shape, count(*), min(line),
               arg_min(core, line)
        FROM (SELECT {table.line} AS line, {_core(said)} AS core FROM {table.relation})
        WHERE core <> '' GROUP BY shape ORDER BY count(*) DESC, shape LIMIT {MOST_SHAPES}
        """,  # noqa: S608 - quoted
    )
    # a shape with the Persian decimal sign decides nothing about the others
    shapes = [(s, int(n), int(line), text) for s, n, line, text in rows if _POINT not in s]
    only = {
        point: [one for one in shapes if _is(one[0], point) and not _is(one[0], other)]
        for point, other in ((".", ","), (",", "."))
    }
    if only["."] and only[","]:
        return _of_two(table.file, heading, only)
    for point in (".", ","):
        if only[point]:
            _, _, line, text = only[point][0]
            reading.say(table.file, f"decimal:{heading}", point, f"row {line}: {text}")
            return point
    open_ones = [one for one in shapes if re.fullmatch(AMBIGUOUS.replace("[1-9]", r"\d"), one[0])]
    if open_ones:
        raise _ambiguous(table.file, heading, _find_ambiguous(reading, table, said))
    return "."


def _is(shape: str, point: str) -> bool:
    """Say whether a shape is a number with this decimal sign."""
    return re.fullmatch(NUMBER[point], shape) is not None or (
        point == "." and re.fullmatch(EXPONENT, shape) is not None
    )


def _of_two(file: str, heading: str, only: dict[str, list[tuple[str, int, int, str]]]) -> str:
    """Raise where some cells need a decimal point and others a decimal comma."""
    faults = tuple(
        Fault(file, line, heading, text, f"a number only with the decimal sign {point!r}")
        for point, found in only.items()
        for _, _, line, text in found[:2]
    )
    message = (
        f"{file}: some amounts have a decimal point and others a decimal comma. Say which in "
        "[source]: decimal = '.' or decimal = ','; the others are then faults:"
    )
    ask = Ask("source", "decimal", tuple(only), "the decimal sign of the amounts")
    raise LeakkitError("mixed_numbers", message, faults, (ask,))


def _find_ambiguous(reading: Reading, table: Table, said: str) -> list[tuple[int, str]]:
    """Return the first rows whose amounts have two readings."""
    rows = reading.store.rows(
        f"SELECT {table.line} AS line, {_core(said)} AS core FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE regexp_full_match({_core(said)}, '{AMBIGUOUS}') ORDER BY line LIMIT {SHOWN}"
    )
    return [(int(line), str(core)) for line, core in rows]


def _ambiguous(file: str, heading: str, shown: list[tuple[int, str]]) -> LeakkitError:
    """Return the error that shows both readings of three rows, and the key that decides."""
    faults = []
    for line, core in shown:
        whole, sign, rest = re.match(r"(\d+)([.,])(\d+)", core).groups()  # type: ignore[union-attr] # the query found it so
        other = "," if sign == "." else "."
        rule = f"decimal = {sign!r}: {whole}.{rest} or decimal = {other!r}: {whole}{rest}"
        faults.append(Fault(file, line, heading, core, rule))
    message = (
        f"{file}: it is not clear whether the amounts have thousands or decimals. "
        "Say which in [source]: decimal = '.' or decimal = ',':"
    )
    core = shown[0][1] if shown else ""
    ask = Ask("source", "decimal", (".", ","), f"the decimal sign of amounts such as {core}")
    return LeakkitError("ambiguous_numbers", message, tuple(faults), (ask,))


def _number_sql(said: str, point: str, marks: Iterable[str], units: Mapping[str, Unit]) -> str:
    """Return SQL for a cell as a plain number; NULL where it is none, or of unknown kind."""
    known = literals(["", *marks])
    core = _core(said)
    fits = f"regexp_full_match({core}, '{_pattern(point)}')"
    whole = f"regexp_replace({core}, '{GROUP[point].replace(chr(39), chr(39) * 2)}', '', 'g')"
    number = f"replace(replace({whole}, '{point}', '.'), '{_POINT}', '.')"
    minus = f"({_part(said, 2)} IN ('-', '(') OR {_part(said, 5)} = '-')"
    # an amount that is too large is a fault, and a fault shows the cell as it stands
    held = f"TRY_CAST({number} AS DECIMAL(24, 6)) <= {limits.VALUE}"
    cases = " ".join(f"WHEN {literal(mark)} THEN {one.factor}" for mark, one in units.items())
    if cases:
        product = f"TRY_CAST({number} AS DECIMAL(24, 6)) * CASE {_mark(said)} {cases} ELSE 1 END"
        number = f"CAST(CASE WHEN {held} THEN {product} END AS VARCHAR)"
    signed = f"CASE WHEN {minus} THEN '-' ELSE '' END || {number}"
    return (
        f"CASE WHEN regexp_full_match({core}, '{EXPONENT}') "
        f"THEN CAST(TRY_CAST({core} AS DECIMAL(24, 6)) AS VARCHAR) "
        f"WHEN {fits} AND {held} AND {_mark(said)} IN ({known}) THEN {signed} END"
    )


def _pattern(point: str) -> str:
    """Return the pattern of a number; the Persian decimal sign is one beside any other."""
    return NUMBER[point].replace(rf"\{point}", rf"[\{point}{_POINT}]").replace("'", "''")


def _units(reading: Reading, table: Table, heading: str, said: str) -> dict[str, Unit]:
    """Return the marks that say in a cell what its amount is counted in: `k`, `Mio. €`.

    Where the heading says it as well, or the configuration does, those of cells are not read.
    """
    declared = reading.config.source.value_times
    if unit_of(heading).factor != 1 or declared not in {None, 1}:
        return {}
    rows = reading.store.rows(
        f"SELECT DISTINCT {_mark(said)} AS mark FROM {table.relation} "  # noqa: S608 - quoted
        f"WHERE {_core(said)} <> '' ORDER BY mark LIMIT {MOST_SHAPES}"
    )
    found = {str(mark): unit_of_cell(str(mark)) for (mark,) in rows}
    units = {mark: unit for mark, unit in found.items() if unit.factor > 1}
    for mark, unit in units.items():
        reading.say(table.file, "factor", f"{unit.factor:,}", mark)
    return units


def _marks(
    reading: Reading, table: Table, heading: str, said: str, units: Mapping[str, Unit]
) -> dict[str, str]:
    """Return the marks of currencies in the cells -> codes; raise where unmarked cells are open."""
    rows = reading.store.rows(
        f"""
        SELECT mark, count(*), min(line), arg_min(said, line)
        FROM (SELECT {table.line} AS line, {said} AS said, {_mark(said)} AS mark,
                     {_core(said)} AS core
              FROM {table.relation})
        WHERE core <> '' GROUP BY mark ORDER BY count(*) DESC, mark LIMIT {MOST_SHAPES}
        """,  # noqa: S608 - quoted
    )
    read = {str(mark): units[mark].currency if mark in units else mark for mark, *_ in rows}
    dollar = code_of(plainly(heading)[1], reading.config)
    codes = {mark: code for mark, said in read.items() if (code := code_of(said, reading.config))}
    if dollar in DOLLARS:
        codes |= {mark: dollar for mark in codes if read[mark] == "$"}
    unmarked = [row for row in rows if read[str(row[0])] == ""]
    known = sorted(set(codes.values()))
    if unmarked and known and "currency" not in reading.config.model_fields_set:
        _, n, line, text = unmarked[0]
        fault = Fault(table.file, int(line), heading, str(text), "an amount without a currency")
        message = (
            f"{table.file}: {n} amount(s) have no currency, others are in {', '.join(known)}. "
            f"Say which is meant: currency = '{known[0]}':"
        )
        ask = Ask("", "currency", tuple(known), f"of {n:,} amount(s) that name none")
        raise LeakkitError("currency_undeclared", message, (fault,), (ask,))
    for text, code in codes.items():
        reading.say(table.file, "currency", code, text)
    return codes


def code_of(mark: str, config: Config) -> str:
    """Return the code of a currency for a sign, a word or a code; '' where it is none.

    >>> from leakkit.config import Config
    >>> [code_of(mark, Config()) for mark in ("€", "Toman", "usd", "kg.", "")]
    ['EUR', 'IRT', 'USD', '', '']
    """
    word = fold_name(mark).rstrip(".")
    if word == "$" and config.currency in DOLLARS:
        return config.currency
    if word in CURRENCIES:
        return CURRENCIES[word]
    return word.upper() if re.fullmatch("[a-z]{3}", word) else ""


def _code_sql(said: str, codes: dict[str, str]) -> str:
    """Return SQL for the code of the currency in a cell; '' where it has none."""
    cases = " ".join(f"WHEN {literal(text)} THEN {literal(code)}" for text, code in codes.items())
    return f"CASE {_mark(said)} {cases} ELSE '' END"


def _plain_codes(reading: Reading, table: Table) -> Table:
    """Write the codes of a currency column that says them as signs or words."""
    heading = table.heading("currency")
    if heading is None or table.types[heading] != "VARCHAR":
        return _of_heading(reading, table)
    said = table.text_under(heading)
    rows = reading.store.rows(
        f"SELECT said FROM (SELECT DISTINCT {said} AS said FROM {table.relation}) "  # noqa: S608 - quoted
        "WHERE said <> '' ORDER BY said LIMIT 1000"
    )
    words = [str(row[0]) for row in rows]
    codes = {
        word: code
        for word in words
        if not re.fullmatch("[A-Z]{3}", word) and (code := code_of(word, reading.config))
    }
    if not codes:
        return table
    for word, code in codes.items():
        reading.say(table.file, "currency", code, word)
    cases = " ".join(f"WHEN {literal(word)} THEN {literal(code)}" for word, code in codes.items())
    columns = {heading: f"CASE {said} {cases} ELSE {said} END"}
    return rewritten(reading, table, columns, "currency")


def _of_heading(reading: Reading, table: Table) -> Table:
    """Take the currency from the heading of the values: "Amount (Toman)"."""
    heading = table.heading("value")
    found = re.search(r"[(\[]([^()\[\]]+)[)\]]\s*$", heading or "")
    code = code_of(found[1], reading.config) if found else ""
    if heading and code not in {*CURRENCIES.values()}:
        # beside a factor: "Amount (k€)"
        code = code_of(unit_of(heading).currency or plainly(heading)[1], reading.config)
    if not heading or code not in {*CURRENCIES.values()}:
        return table
    reading.say(table.file, "currency", code, heading)
    return rewritten(reading, table, {}, "currency", {"currency": literal(code)})


def _in_units(reading: Reading, table: Table) -> Table:
    """Multiply the values by what their heading says that they are counted in."""
    heading, declared = table.heading("value"), reading.config.source.value_times
    if heading is None:
        return table
    factor = declared or unit_of(heading).factor
    if factor == UNCLEAR:
        message = (
            f"{table.file}: {heading!r} may say that its amounts are counted in thousands or in "
            "millions. Say in [source] what they are multiplied by: value_times = 1000, or "
            "value_times = 1 where they are whole."
        )
        choices = ("1", "1000", "1000000")
        ask = Ask("source", "value_times", choices, f"what the amounts of {heading} count in")
        raise LeakkitError("unclear_unit", message, asks=(ask,))
    if factor == 1:
        cents = not declared and _is_in_cents(reading, table, heading)
        return _from_cents(reading, table, heading) if cents else table
    reading.say(table.file, "factor", f"{factor:,}", heading)
    text = table.text_under(heading)
    number = f"TRY_CAST({text} AS DECIMAL(24, 6))"
    product = f"{number} * CAST({factor} AS DECIMAL(12, 0))"
    # too large an amount is no number any more, and a fault shows of what it is made
    large = f"{text} || ' \u00d7 {factor:,}'"
    columns = {
        heading: f"CASE WHEN abs({product}) <= {limits.VALUE} THEN CAST({product} AS VARCHAR) "
        f"WHEN {number} IS NULL THEN {text} ELSE {large} END"
    }
    return rewritten(reading, table, columns, "units")


def _is_in_cents(reading: Reading, table: Table, heading: str) -> bool:
    """Say whether amounts are counted in cents, as a column with the same for readers shows.

    An interface gives 100050 beside `value_formatted`, which says "1,000.50".
    """
    shown = table.find(f"{heading}_formatted")
    if shown is None:
        return False
    number = f"TRY_CAST({table.text_under(heading)} AS DECIMAL(24, 6))"
    said = f"regexp_replace({table.text_under(shown)}, '[^0-9.,]', '', 'g')"
    digits = f"TRY_CAST(regexp_replace({said}, '[.,]', '', 'g') AS HUGEINT)"
    cents = f"{digits} * CASE WHEN regexp_matches({said}, '[.,]\\d{{2}}$') THEN 1 ELSE 100 END"
    there, same = reading.store.rows(
        f"SELECT count(*), count(*) FILTER ({number} = {cents}) "  # noqa: S608 - quoted
        f"FROM {table.relation} WHERE {number} <> 0 AND {digits} IS NOT NULL"
    )[0]
    return int(there) > 0 and int(same) >= NEARLY_ALL * int(there)


def _from_cents(reading: Reading, table: Table, heading: str) -> Table:
    """Return a table whose values, counted in cents, are in whole units."""
    reading.say(table.file, "factor", "0.01", heading)
    text = table.text_under(heading)
    product = f"TRY_CAST({text} AS DECIMAL(24, 6)) * CAST(0.01 AS DECIMAL(3, 2))"
    columns = {heading: f"COALESCE(CAST({product} AS VARCHAR), {text})"}
    return rewritten(reading, table, columns, "cents")


def with_toman(config: Config) -> Config:
    """Return the configuration with the fixed rate between Rial and Toman, where it matters.

    >>> from leakkit.config import Config
    >>> with_toman(Config(currency="IRR")).rates, with_toman(Config(currency="IRT")).rates
    ({'IRT': 10.0}, {'IRR': 0.1})
    """
    fixed = {RIAL: (TOMAN, float(RIALS_PER_TOMAN)), TOMAN: (RIAL, 1 / RIALS_PER_TOMAN)}
    if config.currency in fixed:
        other, rate = fixed[config.currency]
        return config.model_copy(update={"rates": {other: rate} | config.rates})
    # the one has a rate to a third currency, and so the other has one
    given = config.rates
    implied = {other: given[one] * rate for one, (other, rate) in fixed.items() if one in given}
    return config.model_copy(update={"rates": implied | config.rates})


def count_toman(reading: Reading, config: Config) -> None:
    """Count the values that were converted between Rial and Toman."""
    other = {RIAL: TOMAN, TOMAN: RIAL}.get(config.currency)
    if other:
        found = "SELECT count(*) FROM given_opportunities WHERE currency = $code AND value > 0"
        reading.count("toman_converted", int(reading.store.value(found, {"code": other})))


__all__ = ["code_of", "count_toman", "plain_money", "with_toman"]
