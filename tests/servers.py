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
def start_spark(folder: Path) -> Iterator[tuple[Any, str]]:
    """Start Spark in this process's own Java, which serves Spark Connect as well, and end it.

    Yield its session and the address of the server. One Java is warm for the tests of both.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415 - it may not be there

    port = free_port()
    place = {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        # a Java that is killed leaves behind what it kept
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]").appName("leakkit tests")
    for name, value in (SPARK | place).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    try:
        yield session, f"sc://localhost:{port}"
    finally:
        session.stop()
