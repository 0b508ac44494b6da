# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import conversion
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Runner, SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import CommandFailed, Refused

from ..fakes import MORE, FakeRunner
from .images import KIB, converted, cut, qemu_img, raw


def convert(path: Path, runner: Runner | None = None) -> None:
    conversion.convert(str(path), runner or SubprocessRunner(), object="image x")


def refusal(path: Path, runner: Runner | None = None) -> str:
    files = sorted(path.parent.iterdir())
    with pytest.raises(Refused) as refused:
        convert(path, runner)
    assert sorted(path.parent.iterdir()) == files
    return refused.value.message


def same(disk: Path, image: Path) -> bool:
    """Whether two images have the same content; if formats round sizes up, only the common part is compared."""
    return subprocess.run(["qemu-img", "compare", "-q", str(disk), str(image)], check=False).returncode == 0


@pytest.mark.parametrize("name", ["vmdk", "vdi", "vhdx", "vpc", "qcow", "qed", "parallels"])
def test_disks_of_other_formats_are_converted(tmp_path, name):
    disk = raw(tmp_path / "disk")
    image = converted(disk, tmp_path / "image", to=name)
    os.utime(image, ns=(5, 123_456_789))
    image.chmod(0o604)
    assert (conversion.is_needed(str(image)), conversion.is_done(str(image))) == (True, False)
    convert(image)
    made = tmp_path / "image.qcow2"

    assert conversion.is_done(str(image))
    assert same(disk, made)
    assert not conversion.is_needed(str(made))
    assert (made.stat().st_mtime_ns, made.stat().st_mode & 0o777) == (123_456_789, 0o604)
    assert sorted(tmp_path.iterdir()) == [disk, image, made]


@pytest.mark.parametrize("library", [gzip, lzma, bz2])
@pytest.mark.parametrize("to", ["raw", "qcow2", "vmdk"])
def test_compressed_disks_are_unpacked(tmp_path, library, to):
    disk = raw(tmp_path / "disk", 64 * KIB)
    image = tmp_path / "image"
    image.write_bytes(library.compress(converted(disk, tmp_path / "packed", to=to).read_bytes()))
    assert conversion.is_needed(str(image))
    convert(image)

    assert same(disk, tmp_path / "image.qcow2")


def test_other_programs_unpack_what_python_cannot(tmp_path):
    disk = raw(tmp_path / "disk")
    image = tmp_path / "image"
    image.write_bytes(b"\x28\xb5\x2f\xfd")

    def unpack(argv):
        Path(argv[-2]).write_bytes(disk.read_bytes())

    runner = FakeRunner().on("zstd", "--decompress", "--quiet", "--force", "-o", MORE, do=unpack)
    runner.on("qemu-img", "convert", "-f", "raw", MORE, do=lambda argv: converted(Path(argv[-2]), Path(argv[-1])))
    convert(image, runner)

    assert same(disk, tmp_path / "image.qcow2")
    assert refusal(image, FakeRunner().tell("zstd", MORE, rc=127)) == (
        "image x: convert needs zstd on the orchestrator, which is not installed; install zstd"
    )


def test_images_in_supported_formats_are_not_converted(tmp_path):
    disk = raw(tmp_path / "disk")

    assert not conversion.is_needed(str(disk))
    assert not conversion.is_needed(str(converted(disk, tmp_path / "image")))


def test_a_file_that_was_replaced_is_converted_again(tmp_path):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to="vdi")
    convert(image)
    os.utime(image, ns=(7, 7))

    assert not conversion.is_done(str(image))


@pytest.mark.parametrize("name", ["vmdk", "qcow", "qed"])
def test_images_with_a_backing_file_are_not_converted(tmp_path, name):
    base, image = converted(raw(tmp_path / "disk"), tmp_path / "base", to=name), tmp_path / "image"
    qemu_img("create", "-q", "-f", name, "-b", base, "-F", name, image)

    assert refusal(image) == (
        f"image x is {name} that refers to other files; an image to convert must be one file; "
        "merge them on the machine that has them, with qemu-img convert, or for vpc with the program that created them"
    )


@pytest.mark.parametrize("kind", [2, 3, 4])
def test_a_vhd_that_has_only_the_differences_to_another_one_is_not_converted(tmp_path, kind):
    """QEMU reads what only the other one has as zeros, without an error."""
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to="vpc")
    content = image.read_bytes()
    changed = content[:60] + kind.to_bytes(4, "big") + content[64:]
    image.write_bytes(changed)
    with image.open("rb") as file:
        assert conversion._has_others(file, "vpc") is (kind == 4)
    if kind == 4:
        assert "image x is vpc that refers to other files" in refusal(image)
    # A fixed one has no header, and where its type would be is the boot sector.
    image.write_bytes(b"x" * 60 + kind.to_bytes(4, "big") + bytes(448) + content[-512:])
    with image.open("rb") as file:
        assert conversion._has_others(file, "vpc") is False


@pytest.mark.parametrize("at", [8, 15])
def test_a_qcow_image_with_the_place_of_a_name_is_not_converted(tmp_path, at):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to="qcow")
    with image.open("r+b") as file:
        file.seek(at)
        file.write(b"\1")
    assert "image x is qcow that refers to other files" in refusal(image)


def test_a_vmdk_descriptor_without_data_is_not_converted(tmp_path):
    flat = converted(raw(tmp_path / "disk"), tmp_path / "flat", "-o", "subformat=monolithicFlat", to="vmdk")

    assert "image x is vmdk that refers to other files" in refusal(flat)


def test_images_in_a_single_file_are_converted(tmp_path):
    disk = raw(tmp_path / "disk")
    convert(converted(disk, tmp_path / "image", "-o", "subformat=streamOptimized", to="vmdk"))

    assert same(disk, tmp_path / "image.qcow2")


def test_the_content_of_compressed_files_is_inspected(tmp_path):
    base, image, packed = raw(tmp_path / "base"), tmp_path / "image", tmp_path / "packed"
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", image)
    packed.write_bytes(gzip.compress(image.read_bytes()))

    assert refusal(packed).startswith(f"image x has the backing file {base}")


@pytest.mark.parametrize("library", [gzip, lzma, bz2])
def test_a_truncated_compressed_file_is_refused(tmp_path, library):
    image = tmp_path / "image"
    image.write_bytes(library.compress(raw(tmp_path / "disk", 64 * KIB).read_bytes()))

    assert refusal(cut(image, 1000)).endswith("; fetch it again")


def test_a_full_disk_is_not_the_fault_of_the_image(tmp_path, monkeypatch):
    image = tmp_path / "image"
    image.write_bytes(gzip.compress(raw(tmp_path / "disk", 64 * KIB).read_bytes()))

    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", fail)
    with pytest.raises(OSError, match="No space left on device"):
        convert(image)


def test_without_qemu_img_nothing_is_converted(tmp_path):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to="vdi")

    assert refusal(image, FakeRunner().tell("qemu-img", MORE, rc=127)) == (
        "image x: convert needs qemu-img on the orchestrator, which is not installed; install qemu-utils"
    )


@pytest.mark.parametrize("name", ["vdi", "vmdk", "vhdx", "vpc", "qed", "parallels", "qcow"])
def test_truncated_images_are_refused(tmp_path, name):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to=name)

    assert refusal(cut(image, image.stat().st_size // 2)).endswith("fetch it again")


def test_images_that_qemu_img_cannot_read_fail_with_its_message(tmp_path):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to="vdi")
    runner = FakeRunner().tell("qemu-img", "check", MORE, rc=63)
    runner.tell("qemu-img", "convert", MORE, rc=1, stderr="qemu-img: error while reading block status at offset 0")
    with pytest.raises(CommandFailed, match="error while reading block status"):
        convert(image, runner)


@pytest.mark.parametrize(("features", "is_refused"), [(0, False), (1, True), (2, False), (5, True), (6, False)])
def test_a_qed_image_refers_to_another_file_if_the_first_bit_of_its_features_is_set(tmp_path, features, is_refused):
    """The second bit says that it was not closed, the third that the format of its backing file is raw."""
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to="qed")
    with image.open("r+b") as file:
        file.seek(16)
        file.write(features.to_bytes(8, "little"))
    runner = FakeRunner()
    if not is_refused:
        runner.tell("qemu-img", MORE, rc=1, stderr="asked")
    with pytest.raises((Refused, CommandFailed)) as caught:
        convert(image, runner)
    assert ("refers to other files" in caught.value.message) is is_refused


def test_no_descriptor_of_a_draft_stays_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    with conversion._draft(str(tmp_path / "image")) as draft:
        assert len(os.listdir("/proc/self/fd")) == before
        assert (os.path.dirname(draft), os.path.exists(draft)) == (str(tmp_path), True)
    assert list(tmp_path.iterdir()) == []
