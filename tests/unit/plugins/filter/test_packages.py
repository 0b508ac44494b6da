# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from ansible_collections.cloudrepo.slices.plugins.filter.packages import FilterModule

STALE = "Failed to update apt cache after 5 retries: "
"""The apt module, and apt-get on a host without a name server."""
NO_NAME = """\
E: Failed to fetch http://mirror.example.org/dists/bookworm/InRelease  Temporary failure resolving 'mirror.example.org'
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""


def failure(said: str, rc: int, lists: str = "") -> str:
    message: str = FilterModule().filters()["package_failure"](said, "worker1", rc, lists)
    return message


def test_package_lists_that_cannot_be_fetched_are_the_reason() -> None:
    advice = "run apt-get update on the host, and check its DNS servers, its proxy and the sources in /etc/apt"
    assert failure(STALE, 100, NO_NAME) == (
        "host worker1: apt could not fetch its package lists, so packages are missing: Failed to fetch "
        "http://mirror.example.org/dists/bookworm/InRelease  Temporary failure resolving 'mirror.example.org'; "
        f"{advice}"
    )
    assert failure(STALE, 2, "[Errno 2] No such file or directory").endswith(
        f"[Errno 2] No such file or directory; {advice}"
    )
    assert failure("dpkg was interrupted", 100).endswith(f"so packages are missing: dpkg was interrupted; {advice}")


def test_a_package_that_no_mirror_has_is_named() -> None:
    assert failure("No package matching 'qemu-system-x86' is available", 0) == (
        "host worker1: apt knows no package qemu-system-x86; check the sources in /etc/apt of the host, which must "
        "have Debian 12 with the component main"
    )


def test_any_other_failure_of_apt_is_told() -> None:
    assert failure("dpkg was interrupted", 0) == (
        "host worker1: apt could not install the packages: dpkg was interrupted; run apt-get --fix-broken install on "
        "the host"
    )
