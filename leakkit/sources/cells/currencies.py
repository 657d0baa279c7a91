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
    "r$": "BRL",
    "c$": "CAD",
    "ca$": "CAD",
    "a$": "AUD",
    "au$": "AUD",
    "nz$": "NZD",
    "hk$": "HKD",
    "mx$": "MXN",
    "s$": "SGD",
    "kč": "CZK",
    "ft": "HUF",
    "lei": "RON",
    "лв": "BGN",
    "₴": "UAH",
    "₸": "KZT",
    "₫": "VND",
    "₱": "PHP",
    "₦": "NGN",
    "฿": "THB",
    "رس": "SAR",
    "ر.س": "SAR",
    "دإ": "AED",
    "د.إ": "AED",
    **{
        word.casefold(): code
        for code in reversed(vocabulary.keys("currencies"))
        for word in vocabulary.words("currencies", code)
    },
}
"""Signs and words -> code. `$` is the configured currency where that is a dollar; a sign of
several currencies, such as the yen's, is none of them: it is not read."""
