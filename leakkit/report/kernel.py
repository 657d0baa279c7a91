"""The kernel that a batch runs notebooks in: the stock one, without its chatter."""

from __future__ import annotations

import subprocess
from typing import Any

from jupyter_client.manager import AsyncKernelManager


class QuietKernelManager(AsyncKernelManager):
    """Starts kernels whose own log does not go to the terminal.

    What a notebook prints is not lost: it comes as the output of its cell.
    """

    async def start_kernel(self, **kw: Any) -> None:  # type: ignore[override]  # noqa: ANN401 - jupyter_client's signature
        """Start the kernel with its standard error thrown away."""
        await super().start_kernel(**{"stderr": subprocess.DEVNULL, **kw})
