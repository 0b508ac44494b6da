# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A temporary PostgreSQL server with Debian's binaries, which listens on a Unix socket in a temporary folder.

Durability is enabled, because the benchmark uses it as well.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
USER = "nobody"  # PostgreSQL refuses to run as root; any other user is sufficient
START_S = 60
STOP_S = 30


@contextmanager
def running() -> Iterator[str]:
    """Run a server for the block and yield its URL with a superuser.

    Raises:
        FileNotFoundError: Debian's package postgresql is not installed.
    """
    if not BINARIES:
        raise FileNotFoundError("no PostgreSQL below /usr/lib/postgresql: apt-get install postgresql")
    # A short path, because the path of a socket is limited to 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="cloudrepo-pg-", dir="/tmp"))
    # Otherwise initdb uses the caller's locale, which may not be installed.
    settings: dict[str, object] = {"cwd": folder, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}}
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        os.chown(folder, account.pw_uid, account.pw_gid)
        settings.update(user=account.pw_uid, group=account.pw_gid, extra_groups=[])
    data, log = folder / "data", folder / "log"
    try:
        with open(log, "wb") as output:
            settings.update(stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            initdb = [BINARIES[-1] / "initdb", "--pgdata", data, "--username", "tester", "--auth", "trust"]
            done = subprocess.run([*initdb, "--encoding", "UTF8"], check=False, **settings)  # type: ignore[call-overload] # by name
            if done.returncode != 0:
                raise RuntimeError(f"initdb failed: {log.read_text(errors='replace')}")
            options = ("listen_addresses=", "max_connections=120", "autovacuum_naptime=5s")
            argv = [
                BINARIES[-1] / "postgres",
                "-D",
                data,
                "-k",
                folder,
                *(word for each in options for word in ("-c", each)),
            ]
            server = subprocess.Popen(argv, **settings)  # type: ignore[call-overload] # by name
        try:
            _await(server, folder, log)
            yield f"postgresql+psycopg://tester@/postgres?host={folder}"
        finally:
            _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()  # SIGTERM waits for clients, SIGINT closes their sessions
    try:
        server.wait(1)
    except subprocess.TimeoutExpired:
        server.send_signal(2)
        server.wait(STOP_S)


def _await(server: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    ready = [f"{BINARIES[-1]}/pg_isready", "--quiet", "--host", str(folder)]
    deadline = time.monotonic() + START_S
    while subprocess.run(ready, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')}")
        time.sleep(0.05)
