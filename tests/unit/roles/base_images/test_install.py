# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A base image that cannot be installed does not keep others from being installed."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from ...playbooks.runs import run
from ...plugins.module_utils._host.disk.images import raw


def image(folder: Path, name: str, *, checksum: str | None = None) -> dict[str, Any]:
    """A raw image of this machine as in a work order, with another checksum if one is given."""
    path = folder / f"{name}.raw"
    raw(path)
    checksum = checksum or hashlib.sha256(path.read_bytes()).hexdigest()
    return {"checksum": checksum, "path": str(folder / f"state/images/{checksum}.img"), "source": str(path)}


def missing(folder: Path, source: str) -> dict[str, Any]:
    """An image that no worker has."""
    checksum = "cd" * 32
    return {"checksum": checksum, "path": str(folder / f"state/images/{checksum}.img"), "source": source}


def failure(folder: Path, wanted: list[dict[str, Any]]) -> str:
    """Install images with the role, and return how it fails."""
    (folder / "state/images").mkdir(parents=True)
    values = {"base_images_wanted": wanted, "base_images_state_dir": str(folder / "state")}
    role = {"ansible.builtin.import_role": {"name": "cloudrepo.slices.base_images"}, "vars": values}
    play = {"hosts": "orchestrator", "gather_facts": False, "tasks": [role]}
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = run(folder, str(folder / "play.yml"), {})
    assert done.rc == 2
    return done.stdout[done.stdout.rindex("FAILED! =>") :]


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server without any images."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.mark.skipif(os.geteuid() != 0, reason="base images belong to root")
def test_the_other_images_are_installed_and_the_reason_is_kept(tmp_path: Path) -> None:
    changed, good = image(tmp_path, "changed", checksum="ab" * 32), image(tmp_path, "good")
    last = failure(tmp_path, [changed, missing(tmp_path, "/nowhere.raw"), good])
    assert f"base image {changed['source']}: the file differs from the registered one" in last
    told = "base image /nowhere.raw: the file differs from the registered one: its SHA-256 is unknown because the file"
    assert told in last
    assert {path.name for path in (tmp_path / "state/images").iterdir()} == {
        Path(good["path"]).name,
        f"{Path(good['path']).name}.json",
    }


@pytest.mark.parametrize(("is_there", "why"), [(True, "HTTP Error 404: Not Found"), (False, "Connection refused")])
def test_an_image_that_cannot_be_downloaded_is_told_with_the_response(
    tmp_path: Path, server: ThreadingHTTPServer, is_there: bool, why: str
) -> None:
    url = f"http://127.0.0.1:{server.server_port}/debian.qcow2"
    if not is_there:
        server.server_close()
    last = failure(tmp_path, [missing(tmp_path, url)])
    assert f"base image {url} cannot be downloaded: " in last
    assert why in last
    assert "; check image and checksum of its flavor or kind, and whether this host reaches that server" in last
