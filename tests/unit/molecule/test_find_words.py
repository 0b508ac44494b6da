# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passwords are found in all places on a host."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from ..scripts import load

find_words = load("extensions/molecule/consoles/files/find_words.py")
WORDS = [b"hMr3kWpa", b"kz7TnPbe"]


@pytest.mark.parametrize(
    ("content", "does_hold"),
    [
        (b"hMr3kWpa", True),
        (b"password=kz7TnPbe;", True),
        (b"\0\xffhMr3kWpa\0", True),
        (b"hMr3kWp a", False),
        (b"HMR3KWPA", False),
        (b"", False),
    ],
)
def test_a_file_contains_a_word(tmp_path: Path, content: bytes, does_hold: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert find_words.holds(str(tmp_path / "file"), WORDS) is does_hold


@pytest.mark.parametrize("shift", range(9))
def test_a_word_across_the_boundary_of_two_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int) -> None:
    monkeypatch.setattr(find_words, "CHUNK_BYTES", 8)
    (tmp_path / "file").write_bytes(b"x" * (16 + shift) + WORDS[1] + b"x" * 5)
    assert find_words.holds(str(tmp_path / "file"), WORDS)
    (tmp_path / "file").write_bytes(b"x" * (16 + shift) + WORDS[1][:-1] + b"x" * 5)
    assert not find_words.holds(str(tmp_path / "file"), WORDS)


def test_missing_files_contain_no_words(tmp_path: Path) -> None:
    assert not find_words.holds(str(tmp_path / "gone"), WORDS)
    assert not find_words.is_regular(str(tmp_path / "gone"))


def test_folders_are_searched_and_links_are_not_followed(tmp_path: Path) -> None:
    for folder in ("a/b", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "secret").write_bytes(WORDS[0])
    (tmp_path / "a" / "link").symlink_to(tmp_path / "elsewhere" / "secret")
    (tmp_path / "a" / "folder").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "a" / "fifo")
    (tmp_path / "a" / "other").write_text("nothing")
    assert list(find_words.files([str(tmp_path / "a"), str(tmp_path / "none")], WORDS)) == [f"{tmp_path}/a/b/secret"]


@pytest.mark.parametrize("name", ["cmdline", "environ"])
def test_arguments_and_environments_of_processes(tmp_path: Path, name: str) -> None:
    for pid in ("1", "self"):
        (tmp_path / pid).mkdir()
    (tmp_path / "self" / name).write_bytes(WORDS[0])
    assert not find_words.are_arguments(WORDS, str(tmp_path)), "each process is looked at by its number"
    (tmp_path / "1" / name).write_bytes(b"qemu\0" + WORDS[0] + b"\0")
    assert find_words.are_arguments(WORDS, str(tmp_path))


def test_secrets_are_listed_with_mode_and_user(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    for vm_id, mode in ((1002, 0o640), (1001, 0o400)):
        (tmp_path / str(vm_id)).mkdir()
        (tmp_path / str(vm_id) / "vnc.secret").touch(mode)
        os.chmod(tmp_path / str(vm_id) / "vnc.secret", mode)
    assert find_words.secrets(f"{tmp_path}/*/vnc.secret") == [
        f"{tmp_path}/1001/vnc.secret 400 {me}",
        f"{tmp_path}/1002/vnc.secret 640 {me}",
    ]
