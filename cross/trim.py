#!/usr/bin/env python3
"""Cuts an ELF program after its last loaded byte: trim.py FROM TO.

Section headers and what only they name (.pdr, .comment, the names) are for linkers and debuggers; the kernel reads program
headers only (System V ABI, chapter 4 and 5). `strip` leaves them; on mipsel they are 70 kB.
"""

import os
import struct
import sys


def main(source, to):
    with open(source, "rb") as file:
        data = bytearray(file.read())
    if data[:4] != b"\x7fELF":
        sys.exit(f"{source}: not an ELF file")
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    # e_phoff, e_shoff, then e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx.
    if wide:
        phoff, shoff_at, counts_at = struct.unpack_from(order + "Q", data, 32)[0], 40, 54
    else:
        phoff, shoff_at, counts_at = struct.unpack_from(order + "I", data, 28)[0], 32, 42
    size, count = struct.unpack_from(order + "HH", data, counts_at)
    end = phoff + size * count
    for index in range(count):
        at = phoff + size * index
        if wide:
            offset, length = struct.unpack_from(order + "Q", data, at + 8)[0], struct.unpack_from(order + "Q", data, at + 32)[0]
        else:
            offset, length = struct.unpack_from(order + "I", data, at + 4)[0], struct.unpack_from(order + "I", data, at + 16)[0]
        end = max(end, offset + length)
    struct.pack_into(order + ("Q" if wide else "I"), data, shoff_at, 0)
    struct.pack_into(order + "HH", data, counts_at + 4 + 2, 0, 0)
    # A new file each time: the old one may be running.
    with open(to + ".new", "wb") as file:
        file.write(data[:end])
    os.chmod(to + ".new", 0o755)
    os.replace(to + ".new", to)


if __name__ == "__main__":
    main(*sys.argv[1:])
