"""Signs and words of currencies, and the codes that they stand for."""

from __future__ import annotations

from leakkit import vocabulary

CURRENCIES = {
    "$": "USD",
    "us$": "USD",
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₽": "RUB",
    "₺": "TRY",
    "₩": "KRW",
    "₪": "ILS",
    "﷼": "IRR",
    **{
        word.casefold(): code
        for code in reversed(vocabulary.keys("currencies"))
        for word in vocabulary.words("currencies", code)
    },
}
"""Signs and words -> code. `$` is the configured currency where that is a dollar; a sign of
several currencies, such as the yen's, is none of them: it is not read."""
