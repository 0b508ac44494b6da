# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

import lzma
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk import conversion, formats, iso9660
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.inspection import Inspection, check, inspect
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.disk.qcow2 import Image
from ansible_collections.cloudrepo.slices.plugins.module_utils._host.runner import Runner, SubprocessRunner
from ansible_collections.cloudrepo.slices.plugins.module_utils.errors import Refusal, Refused

from ..fakes import MORE, FakeRunner
from .images import KIB, MIB, boot_sector, bzimage, converted, cut, qemu_img, raw
from .test_formats import CONTENTS

SOURCE = "/srv/images/my disk.img"


def inspected(path: Path, runner: Runner | None = None) -> Inspection:
    return inspect(str(path), runner or SubprocessRunner(), object="image x", source=SOURCE, alternative=" or this")


def refusals(path: Path, source: str = SOURCE) -> list[Refusal]:
    with pytest.raises(Refused) as refused:
        inspect(str(path), SubprocessRunner(), object="image x", source=source, alternative=", or else")
    return refused.value.refusals


def messages(path: Path, source: str = SOURCE) -> list[str]:
    return [refusal.message for refusal in refusals(path, source)]


def test_a_base_image_is_qcow2_or_raw(tmp_path):
    disk = raw(tmp_path / "disk", 2 * MIB + 100)
    image = converted(disk, tmp_path / "image", "-c")

    assert inspected(disk) == Inspection(Image("raw", 2 * MIB + 512), is_checked=True)
    assert inspected(image) == Inspection(Image("qcow2", 2 * MIB + 512), is_checked=True)


def test_without_qemu_img_a_note_says_that_tables_were_not_checked(tmp_path):
    runner = FakeRunner().tell("qemu-img", MORE, rc=127)

    assert not inspected(converted(raw(tmp_path / "disk"), tmp_path / "image"), runner).is_checked


def test_unreferenced_data_is_ignored(tmp_path):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image")
    runner = FakeRunner().tell("qemu-img", "check", "-f", "qcow2", str(image), rc=3)

    assert inspected(image, runner).is_checked


@pytest.mark.parametrize("name", ["vmdk", "vdi", "vhdx", "vpc", "qcow", "qed", "parallels"])
def test_other_formats_are_refused_with_the_command_that_converts_them(tmp_path, name):
    image = converted(raw(tmp_path / "disk"), tmp_path / f"image.{name}", to=name)
    (message,) = messages(image, str(image))

    assert message == (
        f"image x is {name}; a base image must be qcow2, or raw with a boot sector or a file system; "
        f"run qemu-img convert -f {name} -O qcow2 {image} {tmp_path}/image.qcow2, or else"
    )
    subprocess.run(message.partition("run ")[2].partition(",")[0].split(), check=True)
    assert inspected(tmp_path / "image.qcow2").is_checked


def test_compressed_files_are_refused_with_the_command_that_unpacks_them(tmp_path):
    image = tmp_path / "image.img.xz"
    image.write_bytes(lzma.compress(raw(tmp_path / "disk", 64 * KIB).read_bytes()))
    (message,) = messages(image, str(image))

    assert message == (
        f"image x is xz; a base image must not be compressed as a file; run xz --decompress --keep {image}, or else"
    )
    subprocess.run(message.partition("run ")[2].partition(",")[0].split(), check=True)
    assert inspected(tmp_path / "image.img").image.format == "raw"


@pytest.mark.parametrize("name", formats.ARCHIVES)
def test_an_archive_is_refused_with_the_command_that_unpacks_it_and_not_with_one_that_does_not(tmp_path, name):
    """The option C(convert) reads compressed files, but no archives."""
    (tmp_path / "image").write_bytes(CONTENTS[name])
    (message,) = messages(tmp_path / "image", "/srv/i")
    assert message.startswith(f"image x is {name}; a base image must not be compressed as a file; run ")
    assert message.endswith(" /srv/i")
    assert not conversion.is_needed(str(tmp_path / "image"))


def test_a_disk_without_size_is_empty(tmp_path):
    qemu_img("create", "-q", "-f", "qcow2", tmp_path / "image", "0")
    assert [each.code for each in refusals(tmp_path / "image")] == ["image_empty"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "image x is empty; {rule}; fetch it again"),
        (b"<html>", "image x is of no known format; {rule}"),
        (bytes(MIB), "image x is of no known format; {rule}"),
    ],
)
def test_files_other_than_disks_are_refused(tmp_path, content, why):
    (tmp_path / "image").write_bytes(content)

    assert messages(tmp_path / "image") == [
        why.format(rule="a base image must be qcow2, or raw with a boot sector or a file system")
    ]


def test_a_kernel_is_refused_as_a_disk(tmp_path):
    (tmp_path / "image").write_bytes(bzimage())
    assert messages(tmp_path / "image") == [
        "image x is a Linux kernel; a base image must be qcow2, or raw with a boot sector or a file system; give it as "
        "kernel to a kind in cloudrepo_kinds"
    ]


CD = iso9660.image("cidata", {"meta-data": b"{}"})


@pytest.mark.parametrize(
    ("image", "content"),
    [(CD, "cd"), (CD[:510] + b"\x55\xaa" + CD[512:], "disk and cd"), (bytes(510) + b"\x55\xaa", None)],
)
def test_the_image_of_a_cd_is_known_by_its_content(tmp_path, image, content):
    path = tmp_path / "image"
    path.write_bytes(image)
    found = inspect(str(path), FakeRunner(), object="image x", source="x")
    assert (found.image, found.content) == (Image("raw", len(image)), content)


def test_the_image_of_a_cd_that_is_cut_short_is_refused(tmp_path):
    (tmp_path / "image").write_bytes(CD[:-2048])
    assert messages(tmp_path / "image") == [
        f"image x has {len(CD) - 2048} bytes, its content needs {len(CD)}; fetch it again"
    ]


def test_images_with_a_backing_file_are_refused(tmp_path):
    base, image = raw(tmp_path / "base"), tmp_path / "image.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", image)
    (message,) = messages(image, str(image))

    assert message == (
        f"image x has the backing file {base}; a base image must contain the complete disk; run qemu-img convert "
        f"-f qcow2 -O qcow2 {image} {tmp_path}/image.new.qcow2 on the machine that has that file"
    )
    subprocess.run(message.partition("run ")[2].partition(" on the machine")[0].split(), check=True)
    assert inspected(tmp_path / "image.new.qcow2").is_checked


def test_images_with_a_data_file_are_refused(tmp_path):
    image = tmp_path / "image"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path}/data", image, "1M")

    assert messages(image) == [
        "image x has an external data file; a base image must contain the complete disk; run qemu-img convert -f qcow2 "
        "-O qcow2 '/srv/images/my disk.img' '/srv/images/my disk.qcow2' on the machine that has that file"
    ]


def test_encrypted_images_are_refused(tmp_path):
    image, luks = converted(raw(tmp_path / "disk"), tmp_path / "image"), tmp_path / "luks"
    with image.open("r+b") as file:
        file.seek(32)
        file.write((2).to_bytes(4, "big"))
    luks.write_bytes(b"LUKS\xba\xbe\0\2")
    command = "qemu-img convert --object secret,id=key,file=PASSPHRASE_FILE --image-opts {} -O qcow2 image.qcow2"
    url = "https://images.example.org/image.img"

    assert [*messages(image, url), *messages(luks, url)] == [
        "image x is encrypted; a base image must not be encrypted; run " + command.format(driver)
        for driver in (
            f"driver=qcow2,encrypt.key-secret=key,file.filename={url}",
            f"driver=luks,key-secret=key,file.filename={url}",
        )
    ]


@pytest.mark.parametrize("to", ["qcow2", "raw"])
def test_truncated_images_are_refused_with_both_sizes(tmp_path, to):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image", to=to)
    size = image.stat().st_size

    assert messages(cut(image, 1000)) == [f"image x has {size - 1000} bytes, its content needs {size}; fetch it again"]


@pytest.mark.parametrize("offset", [1 << 40, (1 << 63) - 512, 0xFFFF_FFFF_FFFF_0000])
@pytest.mark.parametrize("field", [40, 48])
def test_tables_that_no_file_can_have_are_refused(tmp_path, field, offset):
    """The L1 table and the refcount table of a damaged header, beyond what can be read at all."""
    image = converted(raw(tmp_path / "disk"), tmp_path / "image")
    with image.open("r+b") as file:
        file.seek(field)
        file.write(offset.to_bytes(8, "big"))
    (refused,) = refusals(image)
    assert (refused.code, refused.figures["got"]) == ("image_cut_short", image.stat().st_size)
    assert refused.figures["needed"] > offset


@pytest.mark.parametrize("length", [10, 71])
def test_a_truncated_header_is_refused_with_both_sizes(tmp_path, length):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image")
    short = cut(image, image.stat().st_size - length)

    assert messages(short, "x") == [f"image x has {length} bytes, its content needs 72; fetch it again"]


@pytest.mark.parametrize(
    ("offset", "content", "why"),
    [
        (20, b"\0\0\0\7", "the header of an image must have sizes that its format allows"),
        (24, b"\1", "the header of an image must have sizes that its format allows"),
        (79, b"\2", "image x is marked as corrupt"),
        (0x20000, bytes(64), "ERROR cluster 0 refcount=0 reference=1"),
    ],
)
def test_damaged_images_are_refused_with_the_message_of_qemu_img(tmp_path, offset, content, why):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image")
    with image.open("r+b") as file:
        file.seek(offset)
        file.write(content)

    assert why in messages(image)[-1]


def test_unknown_incompatible_features_are_refused(tmp_path):
    image = converted(raw(tmp_path / "disk"), tmp_path / "image")
    with image.open("r+b") as file:
        file.seek(78)
        file.write(b"\1")

    assert messages(image) == [
        "image x is qcow2 version 3 with the incompatible features 100000000; a base image must be qcow2 version 2 or "
        "3 with known features"
    ]


def test_all_errors_are_reported(tmp_path):
    image = tmp_path / "image"
    qemu_img("create", "-q", "-f", "qcow2", "-b", raw(tmp_path / "base"), "-F", "raw", image)
    with image.open("r+b") as file:
        file.seek(32)
        file.write((1).to_bytes(4, "big"))

    assert [refusal.code for refusal in refusals(image)] == ["image_has_backing_file", "image_encrypted"]


def test_a_disk_smaller_than_its_partition_table_is_refused(tmp_path):
    assert [refusal.figures for refusal in refusals(raw(tmp_path / "disk", MIB, boot_sector((0x83, 64, 4032))))] == [
        {"got": MIB, "needed": 2 * MIB}
    ]


@pytest.mark.parametrize(
    ("rc", "stderr", "result"),
    [
        (0, "", True),
        (3, "leaked clusters", True),
        (63, "", False),
        (127, "", False),
        (2, "\n  \nERROR cluster 7\nERROR cluster 8\n", "ERROR cluster 7"),
        (1, "\n", "qemu-img check ended with 1"),
    ],
)
def test_the_first_error_of_qemu_img_is_the_reason(rc: int, stderr: str, result: bool | str) -> None:
    runner = FakeRunner().tell("qemu-img", "check", "-f", "qcow2", "/a", rc=rc, stderr=stderr)
    how = {"found": "qcow2", "object": "base image /a", "source": "/a"}
    if isinstance(result, bool):
        assert check("/a", runner, **how) is result
        return
    with pytest.raises(Refused) as caught:
        check("/a", runner, **how)
    assert [(each.code, each.figures["why"]) for each in caught.value.refusals] == [("image_damaged", result)]
