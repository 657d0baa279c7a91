"""Which losses were closed in bulk, by which rule, and therefore say nothing of a cause?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from leakkit.views.texts import stay

if TYPE_CHECKING:
    from leakkit.analysis import Diagnosis
    from leakkit.findings.verdicts import Cause
    from leakkit.words import Words


def say_set_apart(diagnosis: Diagnosis, cause: Cause, words: Words) -> list[Markup]:
    """Say how many losses were set apart as closed in bulk, and by which rule."""
    apart = cause.administrative
    if not apart.n:
        return []
    said = [words.html("causes.administrative", n=apart.n, of=apart.losses)]
    if apart.owner_day:
        said.append(words.html("causes.apart_owner", n=apart.owner_day))
    if apart.one_day:
        said.append(words.html("causes.apart_day", n=apart.one_day))
    if apart.one_age and apart.age is not None:
        age = stay(words, apart.age, diagnosis.pipeline.unit_per_day)
        said.append(words.html("causes.apart_age", n=apart.one_age, age=age))
    return [Markup(" ").join(said)]
