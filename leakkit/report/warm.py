"""What every kernel of a batch needs, loaded once in the process that kernels are copied from.

Nothing here may start a thread or open a socket: neither survives a fork.
"""

from __future__ import annotations

import ipykernel.kernelapp
import pandas as pd

from leakkit import loading, views
from leakkit.analysis import analyze
from leakkit.views.ink import width_of

LOADED = (analyze, ipykernel.kernelapp, loading, pd, views)
width_of("fonts are read when the first letter is measured", 12)
