# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for base images."""

from __future__ import annotations

from .rule import Rule

_KERNEL = "a kernel must be one of Linux for x86 (bzImage), such as /boot/vmlinuz-VERSION"
_INITRD = "an initrd must be a newc cpio archive, uncompressed or compressed with gzip, bzip2, xz, zstd, lzop or lz4 -l"
_BASE_IMAGE = "a base image must be qcow2, or raw with a boot sector or a file system"

IMAGE = {
    "image_empty": Rule(_BASE_IMAGE, "{object} is empty; {rule}", "fetch it again"),
    "image_format": Rule(_BASE_IMAGE, "{object} is {format}; {rule}", "run {command}{alternative}"),
    "image_content": Rule(_BASE_IMAGE, "{object} is {content}; {rule}"),
    "image_is_kernel": Rule(
        _BASE_IMAGE, "{object} is a Linux kernel; {rule}", "give it as kernel to a kind in cloudrepo_kinds"
    ),
    "image_is_no_kernel": Rule(_KERNEL, "{object} is {content}; {rule}"),
    "image_is_no_initrd": Rule(_INITRD, "{object} is {content}; {rule}"),
    "image_compressed": Rule(
        "a base image must not be compressed as a file", "{object} is {format}; {rule}", "run {command}{alternative}"
    ),
    "convert_needs_file": Rule("convert needs a file on the orchestrator", "{rule}, got {got}"),
    "converter_missing": Rule(
        "convert needs {program} on the orchestrator", "{rule}, which is not installed", "install {package}"
    ),
    "image_not_unpacked": Rule(
        "a compressed image must be complete", "{object} cannot be unpacked with {format}: {why}", "fetch it again"
    ),
    "image_of_several_files": Rule(
        "an image to convert must be one file",
        "{object} is {format} that refers to other files; {rule}",
        "merge them on the machine that has them, with qemu-img convert, or for vpc with the program that created them",
    ),
    "image_encrypted": Rule("a base image must not be encrypted", "{object} is encrypted; {rule}", "run {command}"),
    "image_has_backing_file": Rule(
        "a base image must contain the complete disk",
        "{object} has the backing file {backing_file}; {rule}",
        "run {command} on the machine that has that file",
    ),
    "image_has_data_file": Rule(
        "a base image must contain the complete disk",
        "{object} has an external data file; {rule}",
        "run {command} on the machine that has that file",
    ),
    "image_too_new": Rule(
        "a base image must be qcow2 version 2 or 3 with known features",
        "{object} is qcow2 version {version} with the incompatible features {features}; {rule}",
    ),
    "image_cut_short": Rule(
        "a base image must be complete", "{object} has {got} bytes, its content needs {needed}", "fetch it again"
    ),
    "image_marked_corrupt": Rule(
        "a base image must be undamaged", "{object} is marked as corrupt", "run {command} or fetch it again"
    ),
    "image_sizes_invalid": Rule(
        "the header of an image must have sizes that its format allows",
        "{object} is damaged; {rule}",
        "run {command} or fetch it again",
    ),
    "image_damaged": Rule(
        "a base image must be undamaged", "{object} is damaged: {why}", "run {command} or fetch it again"
    ),
}
