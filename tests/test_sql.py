"""The SQL of the store stays within what every warehouse has.

sqlglot passes on in silence what it does not know, so each query is parsed and every
part of it looked up in a list of what is allowed; what is not on the list is refused.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlglot
from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

QUERIES = tuple(f"leakkit.store.{name}" for name in ("queries", "deal_queries", "straight_queries"))
PACKAGE = Path(importlib.import_module("leakkit").__path__[0])
ASKS = re.compile(r"\bSELECT\b.*\bFROM\b", re.DOTALL)
DIALECTS = ("bigquery", "postgres", "snowflake", "spark")
TEMPLATE = "templated_"

# Columns that hold text of users: how it sorts is the engine's affair, and so are <, MIN
# and MAX. (The words of leakkit, `outcome` and `kind`, are small ASCII letters: they sort
# alike everywhere.)
TEXT = frozenset({"currency", "lost_reason", "name", "opportunity_id", "owner"})
INTEGERS = {exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT}
CASTS = frozenset({*INTEGERS, exp.DType.VARCHAR})
WINDOWED = (exp.Lead, exp.Lag, exp.RowNumber)
FRAMED = (exp.Min, exp.Sum)  # with a frame that says which rows: docs/decisions/0004

# What may stand in a query, and which options it may have. Conditions are in CHECKS.
ALLOWED: dict[type[exp.Expr], str] = {
    exp.Create: "this kind expression",
    exp.Insert: "this expression",
    exp.Schema: "this expressions",
    exp.With: "expressions",
    exp.CTE: "this alias",
    exp.Select: "with_ expressions from_ joins where group having order windows",
    exp.Union: "with_ this expression order",
    exp.Subquery: "this alias",
    exp.From: "this",
    exp.Join: "this side kind on",
    exp.Where: "this",
    exp.Group: "expressions",
    exp.GroupingSets: "expressions",
    exp.Tuple: "expressions",
    exp.Having: "this",
    exp.Order: "expressions",
    exp.Ordered: "this desc nulls_first",
    exp.Table: "this alias",
    exp.TableAlias: "this",
    exp.Alias: "this alias",
    exp.Column: "this table",
    exp.Identifier: "this quoted",
    exp.Star: "",
    exp.Placeholder: "this",
    exp.Literal: "this is_string",
    exp.Boolean: "this",
    exp.Null: "",
    exp.Paren: "this",
    exp.Case: "this ifs default",
    exp.If: "this true false",
    exp.Cast: "this to",
    exp.DataType: "this",
    exp.Coalesce: "this expressions",
    exp.Count: "this big_int",
    exp.Sum: "this",
    exp.Min: "this",
    exp.Max: "this",
    exp.Grouping: "expressions",
    exp.Window: "this alias partition_by order over spec",
    exp.WindowSpec: "kind start start_side end end_side",
    exp.Lead: "this offset default",
    exp.Lag: "this offset default",
    exp.RowNumber: "",
    exp.Between: "this low high",
    exp.In: "this expressions",
    exp.Not: "this",
    exp.Neg: "this",
    **dict.fromkeys((exp.And, exp.Or, exp.Is), "this expression"),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), "this expression"),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.IntDiv, exp.Mod), "this expression"),
}


# ---------------------------------------------------------------- the checker


def faults(sql: str) -> list[str]:
    """Say what in `sql` some warehouse would not understand, or would understand otherwise."""
    try:
        statements = sqlglot.parse(fill(sql), read="duckdb")
    except sqlglot.ParseError as error:
        return [f"cannot be parsed: {error.errors[0]['description']}"]
    return [
        f"{fault}: {node.sql('duckdb')[:80]}"
        for statement in statements
        if statement is not None
        for known in [aliases_of_text(statement)]
        for node in statement.walk()
        for fault in faults_of(node, known)
    ]


def fill(sql: str) -> str:
    """Put a name where a template has a hole."""
    return re.sub(r"\{(\w+)\}", rf"{TEMPLATE}\1", sql)


def faults_of(node: exp.Expr, known: set[str]) -> Iterator[str]:
    """Look one node up, with its options and its conditions."""
    name = type(node).__name__
    if type(node) not in ALLOWED:
        yield f"{name} is not on the list"
        return
    allowed = ALLOWED[type(node)].split()
    for option, value in node.args.items():
        if option not in allowed and value not in (None, False, []):
            yield f"{name} with {option.strip('_')} is not on the list"
    if check := CHECKS.get(type(node)):
        yield from check(node, known)


def texts(node: exp.Expr | None, known: set[str]) -> set[str]:
    """Name the columns that make `node` a text; `known` are aliases that are texts.

    A templated name may be a text. What COUNT, = and the like make of texts is none.
    """
    match node:
        case None | exp.Count() | exp.Predicate() | exp.Grouping() | exp.RowNumber():
            return set()
        case exp.Literal():
            return {node.sql()} if node.is_string else set()
        case exp.Column():
            name = node.name.lower()
            return {name} if name in TEXT | known or TEMPLATE in name else set()
        case exp.Case():
            parts = [branch.args["true"] for branch in node.args["ifs"]]
            parts.append(node.args.get("default"))
        case exp.Cast():
            parts = [node.this] if node.to.this == exp.DType.VARCHAR else []
        case exp.Window():
            parts = [node.this]
        case _:
            parts = list(node.iter_expressions())
    return {name for part in parts for name in texts(part, known)}


def aliases_of_text(statement: exp.Expr) -> set[str]:
    """Name the aliases that stand for texts, through as many steps as the statement has."""
    known: set[str] = set()
    while True:
        aliases = [one for one in statement.find_all(exp.Alias) if texts(one.this, known)]
        if known >= (found := {one.alias.lower() for one in aliases}):
            return known
        known |= found


def check_cast(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if node.args["to"].this not in CASTS:
        yield "a cast to anything but integers and text"


def check_compare(node: exp.Expr, known: set[str]) -> Iterator[str]:
    if names := {name for part in node.iter_expressions() for name in texts(part, known)}:
        yield f"the order of text differs ({', '.join(sorted(names))})"


def check_create(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if node.args["kind"] != "TABLE" or not isinstance(node.args.get("expression"), exp.Query):
        yield "only CREATE TABLE ... AS SELECT"


def check_group(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if any(isinstance(one, exp.Literal) for one in node.expressions):
        yield "GROUP BY a position"


def check_grouping(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if len(node.expressions) != 1:
        yield "grouping() of one column only"


def check_if(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not isinstance(node.parent, exp.Case):
        yield "CASE instead of if()"


def check_insert(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not isinstance(node.args.get("expression"), exp.Select | exp.Union):
        yield "only INSERT INTO ... SELECT"


def check_join(node: exp.Expr, _: set[str]) -> Iterator[str]:
    on = node.args.get("on")
    if on is None or node.args.get("kind") not in {None, "INNER", "OUTER"}:
        yield "only JOIN and LEFT JOIN, with ON"
        return
    parts = [part.unnest() for part in (on.flatten() if isinstance(on, exp.And) else [on])]
    equal = [part for part in parts if isinstance(part, exp.EQ)]
    # a condition on one side only is a filter of that side
    if any(len(tables(part)) != 1 for part in parts if part not in equal):
        yield "JOIN on anything but ="
    elif not any(tables(one.left) and tables(one.right) - tables(one.left) for one in equal):
        yield "JOIN needs a column of each side, with its table's name"


def tables(node: exp.Expr) -> set[str]:
    """Name the tables of the columns below `node`."""
    return {column.table for column in node.find_all(exp.Column) if column.table}


def check_literal(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not node.is_string and not node.name.isdigit():
        yield "a number that is no integer"


def check_order(node: exp.Expr, known: set[str]) -> Iterator[str]:
    if isinstance(node.this, exp.Literal):
        yield "ORDER BY a position"
    yield from check_compare(node, known)


def check_over(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not isinstance(node.parent, exp.Window):
        yield "lead, lag and row_number go with OVER"


def check_schema(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not isinstance(node.parent, exp.Insert):
        yield "columns are those of the SELECT"


def check_subquery(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not isinstance(node.parent, exp.From | exp.Join):
        yield "a subquery stands in FROM or JOIN only"


def check_table(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not isinstance(node.this, exp.Identifier) or not re.fullmatch(r"\w+", node.name):
        yield "a function or a file in the place of a table"


def check_tuple(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if not isinstance(node.parent, exp.GroupingSets):
        yield "brackets around several columns, outside of GROUPING SETS"


def check_union(node: exp.Expr, _: set[str]) -> Iterator[str]:
    if node.args.get("distinct"):
        yield "only UNION ALL"


def check_window(node: exp.Expr, _: set[str]) -> Iterator[str]:
    # `f() OVER w` and `WINDOW w AS (...)`: sqlglot puts the one into the other where needed
    definition, reference = isinstance(node.this, exp.Identifier), node.args.get("alias")
    if not definition and not isinstance(node.this, (*WINDOWED, *FRAMED)):
        yield "windows are for lead, lag, row_number, and min and sum over named rows"
    if isinstance(node.this, FRAMED) and not reference and not node.args.get("spec"):
        yield "min and sum over a window want ROWS BETWEEN ... AND ..."
    if not reference and not node.args.get("order"):
        yield "a window without ORDER BY leaves the order to the engine"


CHECKS: dict[type[exp.Expr], Callable[[exp.Expr, set[str]], Iterable[str]]] = {
    exp.Between: check_compare,
    exp.Cast: check_cast,
    exp.Create: check_create,
    exp.GT: check_compare,
    exp.GTE: check_compare,
    exp.Group: check_group,
    exp.Grouping: check_grouping,
    exp.If: check_if,
    exp.Insert: check_insert,
    exp.Join: check_join,
    exp.LT: check_compare,
    exp.LTE: check_compare,
    exp.Lag: check_over,
    exp.Lead: check_over,
    exp.Literal: check_literal,
    exp.Max: check_compare,
    exp.Min: check_compare,
    exp.Ordered: check_order,
    exp.RowNumber: check_over,
    exp.Schema: check_schema,
    exp.Subquery: check_subquery,
    exp.Table: check_table,
    exp.Tuple: check_tuple,
    exp.Union: check_union,
    exp.Window: check_window,
}


# ---------------------------------------------------------------- the queries


def constants(module: ModuleType) -> dict[str, str]:
    """Return the module's query texts: its constants that are texts, or hold texts by name."""
    found: dict[str, str] = {}
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str):
            found[name] = value
        elif name.isupper() and isinstance(value, dict):
            texts = {key: one for key, one in value.items() if "SELECT" in str(one)}
            found |= {f"{name}[{key}]": one for key, one in texts.items() if isinstance(one, str)}
    return found


def queries() -> dict[str, str]:
    """Return the queries that run over the deals, whatever engine holds them."""
    return {
        f"{module.rpartition('.')[2]}.{name}": sql
        for module in QUERIES
        for name, sql in constants(importlib.import_module(module)).items()
    }


ALL = queries()


@pytest.mark.parametrize("name", ALL)
def test_query_is_within_the_list(name: str) -> None:
    assert faults(ALL[name]) == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ALL)
def test_query_can_be_said_in_other_dialects(name: str, dialect: str) -> None:
    sqlglot.transpile(
        fill(ALL[name]),
        read="duckdb",
        write=dialect,
        unsupported_level=sqlglot.ErrorLevel.RAISE,
    )


OF_DEALS = re.compile(r"\b(FROM|JOIN)\s+(passages|opportunities|moves|stage_history)\b")
ASKING = ("design", "moments", "relations", "trace", "visit_arrays", "visits")
"""The other modules whose constants ask for deals; how a source is loaded is DuckDB's affair."""
BEYOND = {
    "design.CODED": "the columns and joins stand in the place of names",
    "moments.KEEP": "asked of a source that is being loaded",
    "visits.PASSAGES": "joins stand in the place of names, and moments are made",
    "visits.REASONS_ELSEWHERE": "texts are put in order: both engines do so by code points",
    "visits.VALUES": "as above, and a list of values",
    "visits.WORTHS": "a list of values",
    "visits.IDS": "a list of values",
}
"""What asks for deals and is not within the list, and why; this list may only get shorter."""


def test_what_else_asks_for_deals_is_within_the_list_but_for_what_is_named() -> None:
    beyond = {
        f"{module}.{name}"
        for module in ASKING
        for name, sql in constants(importlib.import_module(f"leakkit.store.{module}")).items()
        if OF_DEALS.search(sql) and faults(sql)
    }
    assert beyond == BEYOND.keys()


@pytest.mark.parametrize("module", QUERIES)
def test_no_query_stands_outside_the_constants(module: str) -> None:
    """A text that a function puts together would pass by the check."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    hidden = [
        f"line {node.lineno}: {node.value[:60]}"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"\b(SELECT|FROM|JOIN|WHERE|GROUP BY)\b", node.value)
        and node.value != ast.get_docstring(function, clean=False)
    ]
    assert not hidden


# ---------------------------------------------------------------- the check itself

GOOD = [
    "SELECT opportunity, lead(stage) OVER (PARTITION BY opportunity ORDER BY seq) AS next FROM h",
    "SELECT row_number() OVER (PARTITION BY name ORDER BY entered_day DESC, seq) AS n FROM h",
    "SELECT lag(stage, 1, -9) OVER (PARTITION BY opportunity ORDER BY seq) AS before FROM h",
    "SELECT lag(stage) OVER w AS a FROM h WINDOW w AS (PARTITION BY opportunity ORDER BY seq)",
    "SELECT stage, COUNT(*) AS n, SUM(value) AS value FROM p WHERE exit <> 0 GROUP BY stage",
    "SELECT CASE WHEN a >= $as_of THEN 1 WHEN NOT b IS NULL THEN 2 ELSE 3 END AS c FROM t",
    "SELECT a.x, COALESCE(b.y, 0) AS y FROM a LEFT JOIN b ON a.x = b.x AND b.kind = 'offer'",
    "SELECT a.x FROM a LEFT JOIN b ON a.x = b.x + 1 AND b.stage < 0 ORDER BY a.outcome",
    "SELECT a, grouping(a) AS ga, COUNT(*) AS n FROM t GROUP BY GROUPING SETS ((a, b), (a), ())",
    "WITH s AS (SELECT 1 AS a UNION ALL SELECT 2 AS a) SELECT MAX(a) AS a FROM s",
    "SELECT (left_day - entered_day) // 30 AS part, bucket % 200 AS b, 2 * -x AS y FROM p",
    "CREATE TABLE {target} AS SELECT opportunity FROM {source} WHERE {segment} = $value",
    "INSERT INTO t (a, b) SELECT a, b FROM s",
    "SELECT CAST(SUM(n) AS BIGINT) AS n FROM t WHERE stage IN (0, 1) AND day BETWEEN 1 AND 9",
    "SELECT COUNT(name) AS n FROM t GROUP BY stage HAVING COUNT(name) > 2 ORDER BY n, stage",
    "SELECT x FROM (SELECT y AS x FROM t) AS u ORDER BY CASE WHEN name = 'a' THEN 0 ELSE 1 END",
]

BAD = {
    "SELECT DATE '2020-01-01' AS d FROM t": "a cast to anything but integers and text",
    "SELECT date_diff('day', a, b) AS d FROM t": "DateDiff",
    "SELECT CURRENT_DATE AS d": "CurrentDate",
    "SELECT quantile_cont(a, 0.5) AS q FROM t": "PercentileCont",
    "SELECT median(a) AS q FROM t": "Median",
    "SELECT AVG(a) AS q FROM t": "Avg",
    "SELECT COUNT(*) FILTER (WHERE a = 1) AS n FROM t": "Filter",
    "SELECT COUNT(DISTINCT a) AS n FROM t": "Distinct",
    "SELECT COUNT(a, b) AS n FROM t": "Count with expressions",
    "SELECT DISTINCT a FROM t": "Select with distinct",
    "PIVOT t ON a USING SUM(b)": "Pivot",
    "SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1": "Select with qualify",
    "SELECT [1, 2] AS a": "Array",
    "SELECT list(a) AS a FROM t": "ArrayAgg",
    "SELECT unnest(a) AS a FROM t": "Explode",
    "SELECT {'a': 1} AS a": "Struct",
    "SELECT a.b.c FROM a": "Column with db",
    "SELECT my_function(a) AS a FROM t": "Anonymous",
    "SELECT hash(a) AS a FROM t": "Anonymous",
    "SELECT abs(a) AS a FROM t": "Abs",
    "SELECT grouping_id(a) AS a FROM t GROUP BY a": "GroupingId",
    "SELECT grouping(a, b) AS g FROM t GROUP BY a, b": "grouping() of one column only",
    "SELECT a FROM t GROUP BY ALL": "Group with all",
    "SELECT a FROM t GROUP BY 1": "GROUP BY a position",
    "SELECT a FROM t GROUP BY ROLLUP (a)": "Rollup",
    "SELECT a.x FROM a JOIN b ON a.x = b.x AND a.y < b.y": "JOIN on anything but =",
    "SELECT a.x FROM a JOIN b ON a.x = b.x OR a.y = b.y": "JOIN on anything but =",
    "SELECT a.x FROM a JOIN b ON a.x IS NOT DISTINCT FROM b.x": "JOIN on anything but =",
    "SELECT a.x FROM a JOIN b ON 1 = 1": "JOIN needs a column of each side",
    "SELECT a.x FROM a JOIN b ON x = y": "JOIN needs a column of each side",
    "SELECT a.x FROM a JOIN b USING (x)": "Join with using",
    "SELECT a.x FROM a CROSS JOIN b": "only JOIN and LEFT JOIN, with ON",
    "SELECT a.x FROM a, b": "only JOIN and LEFT JOIN, with ON",
    "SELECT a.x FROM a NATURAL JOIN b": "Join with method",
    "SELECT a.x FROM a ASOF JOIN b ON a.x >= b.x": "Join with method",
    "SELECT a.x FROM a SEMI JOIN b ON a.x = b.x": "only JOIN and LEFT JOIN, with ON",
    "SELECT 0.5 * a AS a FROM t": "a number that is no integer",
    "SELECT 1e3 AS a": "a number that is no integer",
    "SELECT a / b AS a FROM t": "Div",
    "SELECT CAST(a AS DOUBLE) AS a FROM t": "a cast to anything but integers and text",
    "SELECT a::DECIMAL(10, 2) AS a FROM t": "a cast to anything but integers and text",
    "SELECT TRY_CAST(a AS BIGINT) AS a FROM t": "TryCast",
    "SELECT a FROM t ORDER BY name": "the order of text differs (name)",
    "SELECT a FROM t ORDER BY {segment}": "the order of text differs (templated_segment)",
    "SELECT a FROM t ORDER BY COALESCE(owner, '')": "the order of text differs ('', owner)",
    "SELECT row_number() OVER (ORDER BY opportunity_id) AS n FROM t": "the order of text differs",
    "WITH s AS (SELECT name AS x FROM t) SELECT x AS y FROM s ORDER BY y": "(y)",
    "SELECT MIN(name) AS a FROM t": "the order of text differs (name)",
    "SELECT a FROM t WHERE owner < 'b'": "the order of text differs ('b', owner)",
    "SELECT a FROM t ORDER BY 1": "ORDER BY a position",
    "SELECT a FROM t ORDER BY ALL": "Var",
    "SELECT MAX(a, 3) AS a FROM t": "Max with count",
    "SELECT row_number() OVER (PARTITION BY a) AS n FROM t": "a window without ORDER BY",
    "SELECT lag(a) OVER w AS n FROM t WINDOW w AS (PARTITION BY a)": "a window without ORDER BY",
    "SELECT SUM(a) OVER (ORDER BY b) AS n FROM t": "min and sum over a window want ROWS",
    "SELECT AVG(a) OVER (ORDER BY b) AS n FROM t": "is not on the list",
    "SELECT lag(a IGNORE NULLS) OVER (ORDER BY b) AS n FROM t": "IgnoreNulls",
    "SELECT lag(a) AS n FROM t": "lead, lag and row_number go with OVER",
    "SELECT a FROM t UNION SELECT a FROM u": "only UNION ALL",
    "SELECT a FROM t UNION ALL BY NAME SELECT a FROM u": "Union with by_name",
    "SELECT (SELECT 1) AS a": "a subquery stands in FROM or JOIN only",
    "SELECT a FROM t WHERE a IN (SELECT a FROM u)": "In with query",
    "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u)": "Exists",
    "SELECT * EXCLUDE (a) FROM t": "Star with except",
    "SELECT if(a = 1, 2, 3) AS a FROM t": "CASE instead of if()",
    "SELECT a || b AS a FROM t": "DPipe",
    "SELECT a FROM t LIMIT 3": "Limit",
    "SELECT a FROM range(3) AS t": "a function or a file in the place of a table",
    "SELECT a FROM 'file.csv'": "a function or a file in the place of a table",
    "SELECT a FROM other.t": "Table with db",
    "SELECT a FROM t USING SAMPLE 10": "TableSample",
    "WITH RECURSIVE s AS (SELECT 1 AS a) SELECT a FROM s": "With with recursive",
    "WITH s AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM s": "CTE with materialized",
    "CREATE TABLE t (a BIGINT)": "only CREATE TABLE ... AS SELECT",
    "CREATE OR REPLACE TABLE t AS SELECT 1 AS a": "Create with replace",
    "CREATE TEMP TABLE t AS SELECT 1 AS a": "Create with properties",
    "CREATE VIEW t AS SELECT 1 AS a": "only CREATE TABLE ... AS SELECT",
    "INSERT INTO t VALUES (1)": "only INSERT INTO ... SELECT",
    "DROP TABLE t": "Drop",
    "SELEC a FROM t": "cannot be parsed",
}


@pytest.mark.parametrize("sql", GOOD)
def test_the_check_lets_pass_what_is_on_the_list(sql: str) -> None:
    assert faults(sql) == []


@pytest.mark.parametrize(("sql", "fault"), BAD.items())
def test_the_check_refuses_what_is_not_on_the_list(sql: str, fault: str) -> None:
    assert any(fault in found for found in faults(sql))


def texts_that_ask(module: Path) -> list[str]:
    """Return the texts of a module that ask for rows."""
    return [
        node.value
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and ASKS.search(node.value)
    ]


def test_only_the_store_asks_for_deals() -> None:
    """What is counted of the deals stands in one package; `sources` is the reading itself."""
    asking = {
        path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if texts_that_ask(path)
    }
    assert asking == {"store", "sources"}
