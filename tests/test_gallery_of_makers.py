"""The gallery of makers: the same twelve deals as each of them exports them."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakkit.sources import load

GALLERY = Path(__file__).parent / "gallery" / "makers"
HISTORIES = {"Lead": 12, "Offer": 8}
STANDING = {"Lead": 1, "Offer": 2}
TOTAL = 6_900_600
"""In hundredths; an activity log of a board has no amounts."""


@pytest.mark.parametrize("maker", sorted(folder.name for folder in GALLERY.iterdir()))
def test_the_export_of_a_maker_is_right_without_a_configuration(maker: str) -> None:
    with load(GALLERY / maker) as store:
        ends = dict(store.rows("SELECT outcome, count(*) FROM opportunities GROUP BY 1"))
        assert ends == {"won": 4, "lost": 5, "open": 3}
        visits = {
            name.partition("-")[2].replace("Qualify", "Lead").replace("Propose", "Offer") or name: n
            for name, n in store.rows(
                "SELECT s.name, count(*) FROM passages p JOIN stages s USING (pipeline, stage) "
                "GROUP BY 1"
            )
        }
        assert visits == (STANDING if store.meta("shape") == "snapshot" else HISTORIES)
        total = store.value("SELECT sum(value) FROM opportunities")
        assert total == (None if maker == "monday" else TOTAL)
