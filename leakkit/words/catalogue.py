"""Catalogues of messages, and how numbers and dates are said in a language."""

from __future__ import annotations

import datetime as dt
import string
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import (
    format_compact_currency,
    format_currency,
    format_decimal,
    format_percent,
)
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCH = dt.date(1970, 1, 1)
SHORT_FROM = 10_000
"""Amounts from here on read better in their short form."""
ONE_DECIMAL_BELOW = 0.0995


@cache
def _catalogue(language: str) -> dict[str, Any]:
    """Read the messages of one language."""
    text = resources.files("leakkit.words").joinpath(f"{language}.toml").read_text("utf-8")
    return tomllib.loads(text)


class Words(string.Formatter):
    """All that a page says, in one language.

    A message is found by its key (`"headline.lost"`), and its placeholders name the
    fact and how to say it: `{lost:count}`, `{share:share}`, `{value:money}`. Messages
    with forms for numbers are chosen by the fact `n`.

    >>> words = Words("en", currency="EUR")
    >>> words.share(0.3456), words.count(13087), words.date(20634)
    ('35%', '13,087', 'Jun 30, 2026')
    """

    def __init__(self, language: str = "en", currency: str = "USD") -> None:
        """Choose the language (one of `LANGUAGES`) and the currency of money."""
        self.language = language
        self.currency = currency
        self.locale = Locale.parse(language)
        self.direction = self.locale.text_direction

    def say(self, key: str, **facts: object) -> str:
        """Return the message `key` as plain text."""
        return self.vformat(self._message(key, facts), (), facts)

    def html(self, key: str, **facts: object) -> Markup:
        """Return the message `key` as HTML: facts escaped, names in their own direction.

        A fact that is `Markup` stays as it is.
        """
        safe = {
            name: Markup("<bdi>{}</bdi>").format(fact)
            if isinstance(fact, str) and not isinstance(fact, Markup)
            else fact
            for name, fact in facts.items()
        }
        return Markup(self.vformat(str(escape(self._message(key, facts))), (), safe))  # noqa: S704 - every fact is a number or escaped above

    def knows(self, key: str) -> bool:
        """Say whether there is a message `key`.

        >>> Words().knows("causes.reviews.pricing"), Words().knows("causes.reviews")
        (True, False)
        """
        found: Any = _catalogue(self.language)
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return False
            found = found[part]
        return isinstance(found.get("other") if isinstance(found, dict) else found, str)

    def _message(self, key: str, facts: dict[str, Any]) -> str:
        """Find the message, and of several forms the one for the number `n`."""
        found: Any = _catalogue(self.language)
        for part in key.split("."):
            found = found[part]
        if isinstance(found, dict):
            form = self.locale.plural_form(abs(facts["n"]))
            found = found.get(form, found["other"])
        return str(found)

    def format_field(self, value: object, format_spec: str) -> str:
        """Say one fact in the way that its placeholder names."""
        if not format_spec:
            return str(value)
        return str(getattr(self, format_spec)(value))

    def count(self, number: float) -> str:
        """Say a whole number of things."""
        return str(format_decimal(round(number), locale=self.locale))

    def number(self, number: float) -> str:
        """Say a number, with at most one decimal."""
        return str(format_decimal(number, format="#,##0.#", locale=self.locale))

    def list_values(self, parts: Sequence[str]) -> Markup:
        """Say several things as a list, as HTML; parts that are `Markup` stay as they are.

        >>> print(Words().list_values(["a", "<b>", "c"]))
        a, &lt;b&gt;, and c
        """
        marks = [f"\ue000{at}\ue001" for at in range(len(parts))]
        said = str(escape(format_list(marks, locale=self.locale)))
        for mark, part in zip(marks, parts, strict=True):
            said = said.replace(mark, str(escape(part)))
        return Markup(said)  # noqa: S704 - every part is escaped above

    def share(self, share: float) -> str:
        """Say a share in per cent; one decimal under 10 %."""
        pattern = "#,##0.#%" if 0 < abs(share) < ONE_DECIMAL_BELOW else "#,##0%"
        return str(format_percent(share, format=pattern, locale=self.locale))

    def points(self, change: float) -> str:
        """Say a difference of two shares, with its sign, in percentage points."""
        shown = round(abs(change) * 100, 1 if abs(change) < ONE_DECIMAL_BELOW else 0)
        return self.say("units.points", n=shown, said=self._sign(change))

    def plain_points(self, change: float) -> str:
        """Say a difference of two shares with its sign, where the unit stands beside it."""
        return self._sign(change)

    def _sign(self, change: float) -> str:
        """Say a difference of two shares as a number; one decimal under 10."""
        pattern = "+#,##0.#;-#,##0.#" if abs(change) < ONE_DECIMAL_BELOW else "+#,##0;-#,##0"
        shown = round(change * 100, 1 if abs(change) < ONE_DECIMAL_BELOW else 0)
        return str(format_decimal(shown or 0.0, format=pattern, locale=self.locale))

    def money(self, minor: float) -> str:
        """Say an amount of minor units, which are hundredths in every currency."""
        amount = minor / 100
        if abs(amount) < SHORT_FROM:
            return str(
                format_currency(amount, self.currency, "¤#,##0", self.locale, currency_digits=False)
            )
        return str(
            format_compact_currency(amount, self.currency, locale=self.locale, fraction_digits=1)
        )

    def date(self, day: int) -> str:
        """Say a local day number since 1970-01-01."""
        return str(format_date(EPOCH + dt.timedelta(days=int(day)), "medium", locale=self.locale))

    def month(self, day: int) -> str:
        """Say the month of a local day number."""
        moment = EPOCH + dt.timedelta(days=int(day))
        return str(format_skeleton("yMMM", moment, locale=self.locale))

    def days(self, days: float) -> str:
        """Say a number of days."""
        return self.say("units.days", n=days)
