# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rate of a download."""

from __future__ import annotations

import pytest

from ..scripts import load

rate = load("extensions/molecule/faults/files/rate.py")


@pytest.mark.parametrize(
    ("told", "kbps"),
    [
        ("100.00 150.00\n102.00 152.00\n", 1272),
        ("100.00 150.00\r\n104.00 152.00\r\n", 636),
        ("100.00 150.00\nDHCP eth0 10.60.7.101\n102.00 152.00", 1272),
        ("100.00 150.00\n100.00 150.00\n", 254572),
    ],
)
def test_the_rate_is_that_of_the_file_without_the_bucket(told: str, kbps: int) -> None:
    assert rate.rate_kbps(told) == kbps


@pytest.mark.parametrize("told", ["", "100.00 150.00\nwget: timed out"])
def test_a_failed_download_has_no_rate(told: str) -> None:
    with pytest.raises(ValueError, match=r"^the output has [01] times, expected 2: "):
        rate.rate_kbps(told)


def test_a_rate_above_the_limit_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    told = "100.00 150.00\n104.00 152.00\n"
    rate.main(636, told)
    assert capsys.readouterr().out == "received 636 kbit/s\n"
    with pytest.raises(SystemExit, match=r"^received 636 kbit/s, expected at most 635 kbit/s$"):
        rate.main(635, told)
