"""The kernels that a batch runs notebooks in: the stock one, and one forked from a warm process.

Both run the same kernel program and give the same pages. The stock one starts a new
Python, which loads all libraries again for every page. The forked one (Linux only) is a
copy of a process that has loaded them, and has done nothing else: no thread, no socket.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

    from jupyter_client.connect import KernelConnectionInfo

FORK = "fork"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Numeric libraries start threads as they load, and threads do not survive a fork."""
PR_SET_PDEATHSIG = 1
WARM_FOR = "LEAKKIT_WARM_FOR"
"""Names the process that a warm one was started for, and ends with."""


class QuietKernelManager(AsyncKernelManager):
    """Starts kernels whose own log does not go to the terminal.

    What a notebook prints is not lost: it comes as the output of its cell.
    """

    async def start_kernel(self, **kw: object) -> None:  # type: ignore[override] # the signature is that of jupyter_client
        """Start the kernel with its standard error thrown away."""
        await super().start_kernel(**{"stderr": subprocess.DEVNULL, **kw})


class ForkedKernelManager(QuietKernelManager):
    """Starts kernels as copies of a warm process."""

    async def start_kernel(self, **kw: object) -> None:  # type: ignore[override] # the signature is that of jupyter_client
        """Start the kernel by a fork."""
        if self.provisioner is None:
            self.provisioner = ForkProvisioner(
                parent=self, kernel_id=self.kernel_id, kernel_spec=self.kernel_spec
            )
        await super().start_kernel(**kw)


def manager(engine: str) -> type[QuietKernelManager]:
    """Return the kernel manager of an engine; where no fork is possible, the stock one."""
    return ForkedKernelManager if engine == FORK and can_fork() else QuietKernelManager


def can_fork() -> bool:
    """Say whether kernels can be forked here."""
    return sys.platform == "linux"


def warm_up() -> None:
    """Have a process load, once, what every kernel needs."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    os.environ[WARM_FOR] = str(os.getpid())
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["leakkit.report.warm"])


class ForkProvisioner(LocalProvisioner):
    """Launches a kernel by a fork, and otherwise treats it as a local process."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:  # noqa: ANN401 - jupyter_client's signature
        """Fork the kernel, with the words that its program would be started with."""
        words = cmd[cmd.index("-f") :]
        kernel = ForkedKernel(words, kwargs.get("env") or {}, kwargs.get("cwd") or ".")
        self.process = kernel  # type: ignore[assignment] # all of a Popen that is asked for
        self.pid, self.pgid = kernel.pid, kernel.pid
        return self.connection_info


class ForkedKernel:
    """A forked kernel, as `LocalProvisioner` expects a process."""

    stdin = stdout = stderr = None

    def __init__(self, words: list[str], environment: dict[str, str], folder: str) -> None:
        """Fork it."""
        context = multiprocessing.get_context("forkserver")
        facts = (words, dict(environment), str(folder))
        self.process: ForkServerProcess = context.Process(target=_be_a_kernel, args=facts)
        self.process.start()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self.process.pid or 0

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self.process.exitcode

    def wait(self) -> int | None:
        """Wait for its end, and return how it ended."""
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        if self.process.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.terminate()


def go_with_parent() -> None:
    """Have the system end this process when the one that started it ends, however it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_a_kernel(words: list[str], environment: dict[str, str], folder: str) -> None:
    """Turn this copy of the warm process into a kernel of its own."""
    os.setsid()
    go_with_parent()
    os.environ.clear()
    # a kernel that finds another parent than this one takes itself for left alone
    os.environ.update(environment, JPY_PARENT_PID=str(os.getppid()))
    os.chdir(folder)
    random.seed()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415 - loaded by the warm process

    IPKernelApp.launch_instance(argv=words)
