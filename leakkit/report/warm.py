"""What every kernel of a batch needs, loaded once in the process that kernels are copied from.

Nothing here may start a thread or open a socket: neither survives a fork.
"""

from __future__ import annotations

import os

import ipykernel.kernelapp
import pandas as pd

from leakkit import loading, views
from leakkit.analysis import analyze
from leakkit.report.kernel import WARM_FOR, go_with_parent
from leakkit.views.drawing.sheet import width_of

if os.environ.get(WARM_FOR) == str(os.getppid()):
    # the process that kernels are copied from goes with its worker, and they with it
    go_with_parent()
LOADED = (analyze, ipykernel.kernelapp, loading, pd, views)
width_of("fonts are read when the first letter is measured", 12)
