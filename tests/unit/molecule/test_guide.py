# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A page becomes a script that does what a reader does, and that fails where the page is wrong."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from ..scripts import load

guide = load("extensions/molecule/guides/files/guide.py")
NOTHING: dict[str, dict[str, Any]] = {"not_run": {}, "refused": {}, "replaced": {}}
PAGE = """\
# A page

```yaml
# folder/web.yml: with a remark
name: it's web
```

```yaml
name: without a file
```

```console
$ cat folder/web.yml   # a remark
output
```

```sh
# a remark
echo one \\
  two >out
```

```text
echo no command
```
"""


def follow(folder: Path, page: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    text = guide.script(page, {**NOTHING, **settings})
    return subprocess.run(["bash", "-c", text], cwd=folder, capture_output=True, text=True, check=False)


def test_files_and_commands_are_the_steps_of_a_page() -> None:
    assert list(guide.steps(PAGE)) == [
        guide.Step("# folder/web.yml: with a remark\nname: it's web\n", "folder/web.yml"),
        guide.Step("cat folder/web.yml # a remark"),
        guide.Step("echo one two >out"),
    ]


def test_the_steps_are_done(tmp_path: Path) -> None:
    done = follow(tmp_path, PAGE, replaced={"two": "three"})
    assert done.returncode == 0, done.stderr
    assert "name: it's web\n" in done.stdout
    assert (tmp_path / "out").read_text() == "one three\n"


def test_files_are_written_where_the_reader_has_started(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    page = "```sh\ncd checkout\n```\n\n```yaml\n# web.yml\nname: web\n```\n"
    assert follow(tmp_path, page).returncode == 0
    assert [(tmp_path / name).exists() for name in ("web.yml", "checkout/web.yml")] == [True, False]


def test_a_command_that_fails_ends_the_script(tmp_path: Path) -> None:
    done = follow(tmp_path, "```sh\nfalse | true\ntouch after\n```\n")
    assert done.returncode != 0
    assert not (tmp_path / "after").exists()


def test_a_command_is_left_out(tmp_path: Path) -> None:
    assert follow(tmp_path, "```sh\nfalse\n```\n", not_run={"false": "it fails"}).returncode == 0


def test_a_command_that_has_to_be_refused(tmp_path: Path) -> None:
    page = "```sh\nls --no-such  'a  b'\n```\n"
    command = "ls --no-such 'a b'"
    assert follow(tmp_path, page, refused={command: "unrecognized option"}).returncode == 0
    other = follow(tmp_path, page, refused={command: "another message"})
    assert (other.returncode, "The message must contain: another message" in other.stdout) == (1, True)
    succeeds = follow(tmp_path, "```sh\necho fine\n```\n", refused={"echo fine": "fine"})
    assert (succeeds.returncode, "This has not been refused." in succeeds.stdout) == (1, True)
