"""Servers of the tests, on free ports, and ended: a PostgreSQL without rights, a Spark Connect."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KEEPER = "keeper"
SECRET = "s3cr:t/@%25#x"  # noqa: S105 - of a server that lives for a test
"""The password of the tests: each of its signs means something in an address."""


def programs() -> Path | None:
    """Return the folder of a server's programs; None where there is none."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    here = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return here[-1].parent if here else None


@dataclass(frozen=True)
class Server:
    """A running server; its keeper may do all."""

    port: int

    def url(self, database: str, user: str = KEEPER, secret: str = "") -> str:
        """Return the address of a database."""
        login = f"{user}:{quote(secret, safe='')}" if secret else user
        return f"postgresql://{login}@localhost:{self.port}/{database}"

    @contextmanager
    def open(self, database: str) -> Iterator[Any]:
        """Yield a cursor of the keeper; what is done is kept."""
        driver = importlib.import_module("adbc_driver_postgresql.dbapi")
        with (
            driver.connect(self.url(database, secret=SECRET), autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor

    def make(self, database: str, tables: Mapping[str, pa.Table], *after: str) -> str:
        """Make a database with these tables, run statements after, and return its address."""
        with self.open("postgres") as cursor:
            cursor.execute(f'CREATE DATABASE "{database}"')
        with self.open(database) as cursor:
            for name, table in tables.items():
                cursor.adbc_ingest(name, table, mode="create")
            for statement in (one for text in after for one in text.split(";") if one.strip()):
                cursor.execute(statement)
        return self.url(database)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return int(free.getsockname()[1])


@contextmanager
def start_server(bin_folder: Path) -> Iterator[Server]:
    """Start a server in a folder of its own, and end it. It refuses to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="leakkit-tests-"))
    as_user = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
    secret = folder / "secret"
    secret.write_text(SECRET)
    if as_user:
        for place in (folder, secret):
            shutil.chown(place, "nobody")
    port = free_port()
    data = folder / "data"
    new = ["-U", KEEPER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C"]
    settings = f"-p {port} -k {folder} -c listen_addresses=localhost -c fsync=off"

    def run(program: str, *options: str) -> None:
        command = [*as_user, str(bin_folder / program), "-D", str(data), *options]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

    try:
        run("initdb", "--no-sync", "--no-instructions", *new)
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", settings)
        try:
            yield Server(port)
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def texts(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> pa.Table:
    """Return rows of a file as a table of texts, '' as nothing."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in headings)
    cells = [pa.array([cell or None for cell in column], pa.string()) for column in columns]
    return pa.table(cells, names=list(headings))


# ---------------------------------------------------------------- Spark

SPARK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    # to compile each question takes longer than to answer it here
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    # nor does a Java that lives for minutes earn what it spends on its best code
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    # nothing of ours may depend on it
    "spark.sql.session.timeZone": "Asia/Tehran",
}
"""The settings of Spark in tests."""


@contextmanager
def spark_connect(folder: Path) -> Iterator[str]:
    """Start a server of Spark Connect in a folder of its own; yield its address, and end it."""
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415 - ships no types, of the extra `spark`

    found = find_spec("pyspark")
    assert found
    assert found.submodule_search_locations
    home = Path(found.submodule_search_locations[0])
    port = free_port()
    place = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    settings = [f"--conf={name}={value}" for name, value in (SPARK | place).items()]
    kind = "org.apache.spark.sql.connect.service.SparkConnectServer"
    program = [str(home / "bin" / "spark-submit"), "--master=local[2]", f"--class={kind}"]
    own = os.environ | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [*program, *settings, "spark-internal"], cwd=folder, env=own, stdout=log, stderr=log
        ) as process,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        try:
            grpc.channel_ready_future(channel).result(timeout=120)
            yield f"sc://localhost:{port}"
        finally:
            process.kill()
