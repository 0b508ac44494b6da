# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations
import __future__

import marshal
import os
import subprocess
import sys
import zipfile
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.tool import cli
from ansible_collections.cloudrepo.slices.plugins.module_utils._module import zipapp

COLLECTIONS = Path(__file__).parents[5] / ".ansible/collections"
UTILS = Path(__file__).parents[5] / "plugins/module_utils"


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program like a host, but with the Python of the tests."""
    return subprocess.run([sys.executable, "-IS", program, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lib") / "slices-host"
    path.write_bytes(zipapp.build())
    return path


@pytest.mark.parametrize("seed", ["1", "2"])
def test_builds_of_the_program_are_identical(program, seed):
    code = f"from {zipapp.__name__} import build; import sys; sys.stdout.buffer.write(build())"
    environ = {**os.environ, "PYTHONPATH": str(COLLECTIONS), "PYTHONHASHSEED": seed}
    assert subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, check=True).stdout == (
        program.read_bytes()
    )


def test_the_program_contains_no_build_time_or_host_name(program):
    for info in zipfile.ZipFile(program).infolist():
        assert (info.date_time, info.compress_type, info.create_system) == (
            (1980, 1, 1, 0, 0, 0),
            zipfile.ZIP_STORED,
            3,
        )


COMPILED = """
import sys
sys.addaudithook(lambda event, arguments: event == "compile" and print(arguments[1]))
sys.path.insert(0, sys.argv[1])
import slices._host.tool.drop_carrier
"""


def compiled(program: Path) -> list[str]:
    """Return the files in a program that are compiled at its start."""
    argv = [sys.executable, "-IS", "-c", COMPILED, program]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if line.startswith(str(program))]


def test_no_module_is_compiled_at_the_start_unless_python_differs(program, tmp_path):
    other = tmp_path / "slices-host"
    other.write_bytes(program.read_bytes().replace(MAGIC_NUMBER, b"\0\0\r\n"))
    mine = (compiled(program), compiled(other))
    assert mine[0] == []
    assert f"{other}/slices/_host/tool/drop_carrier.py" in mine[1]


def test_the_program_contains_only_the_files_that_it_needs():
    texts = zipapp.texts()
    inside = {path.removeprefix("slices/"): text for path, text in texts.items() if path.startswith("slices/") and text}
    assert inside == {path: (UTILS / path).read_text(encoding="utf-8") for path in inside}
    assert "_host/tool/cli.py" in inside
    assert {"_module/zipapp.py", "_module/control.py", "_host/tool/program.py"}.isdisjoint(inside)


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_each_subcommand_can_be_imported_from_the_program(program, name):
    module = f"slices._host.tool.{name.replace('-', '_')}"
    code = (
        f"import sys; sys.path.insert(0, {str(program)!r}); import {module}; print({module}.main.__code__.co_argcount)"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{len(cli.COMMANDS[name].split())}\n", "")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["restore-flows", "/var/lib/cloudrepo/flows"]])
def test_an_unknown_command_prints_the_usage(program, arguments):
    done = run(program, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:\n")
    assert "\n  slices-host restore-flows FOLDER BRIDGE\n" in done.stderr


def test_a_failure_is_one_line_in_the_journal(program, tmp_path, monkeypatch):
    ofctl = tmp_path / "ovs-ofctl"
    ofctl.write_text('#!/bin/sh\ncase "$*" in *show*) exit 0;; esac\necho "refused" >&2\nexit 1\n')
    ofctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "1000.flows").write_text("bad\n")
    done = run(program, "restore-flows", str(tmp_path), "br-int")
    assert (done.returncode, done.stderr) == (1, "slices-host: refused\n")


def test_a_file_that_a_build_would_not_change_is_not_built_again(program, monkeypatch):
    monkeypatch.setattr(zipapp, "build", lambda: b"built")
    assert zipapp.content(str(program)) == program.read_bytes()


@pytest.mark.parametrize("at", [0, 1000, -200, -100, -1])
def test_a_damaged_file_is_built_again(program, tmp_path, monkeypatch, at):
    content = bytearray(program.read_bytes())
    content[at] ^= 1
    damaged = tmp_path / "slices-host"
    damaged.write_bytes(content)
    monkeypatch.setattr(zipapp, "build", lambda: b"built")
    assert zipapp.content(str(damaged)) == b"built"


@pytest.mark.parametrize("path", ["missing", "short", "."])
def test_what_is_no_program_is_replaced_by_one(program, tmp_path, path):
    (tmp_path / "short").write_bytes(b"#!")
    assert zipapp.content(str(tmp_path / path)) == program.read_bytes()


def test_a_program_of_other_sources_is_built_again(program, monkeypatch):
    monkeypatch.setattr(zipapp.program, "digest", lambda: "0" * 64)
    monkeypatch.setattr(zipapp, "build", lambda: b"built")
    assert zipapp.content(str(program)) == b"built"


def test_the_program_starts_with_the_python_of_the_host_without_site_packages(program):
    assert program.read_bytes().startswith(b"#!/usr/bin/python3 -IS\nPK")


def test_bytecode_belongs_to_its_source_and_not_to_what_has_compiled_it(program):
    archive = zipfile.ZipFile(program)
    names = [name for name in archive.namelist() if name.endswith(".pyc")]
    assert len(names) == len(zipapp.texts())
    for name in names:
        magic, flags, digest, code = (
            archive.read(name)[start:end] for start, end in ((0, 4), (4, 8), (8, 16), (16, None))
        )
        assert (magic, flags, digest) == (MAGIC_NUMBER, b"\1\0\0\0", source_hash(archive.read(name[:-1])))
        # Its form must have no references, whose number differs between builds.
        assert code == marshal.dumps(marshal.loads(code), 2), name
    main = marshal.loads(archive.read("__main__.pyc")[16:])
    assert not main.co_flags & __future__.annotations.compiler_flag, "it imports nothing from __future__"
