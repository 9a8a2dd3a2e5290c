#!/usr/bin/env python3
"""Makes the damaged copies in this folder from pages that a real PostgreSQL wrote."""
import csv
import pathlib
import struct

here = pathlib.Path(__file__).resolve().parent
base = here.parent / "postgres" / "base" / "5"
with open(here.parent / "postgres" / "manifest.csv", newline="") as file:
    numbers = {row["name"]: row["relfilenumber"] for row in csv.DictReader(file)}
source = (base / numbers["numbers"]).read_bytes()
page = source[:8192]
rows = []


def save(name, data, block, found, description):
    (here / name).write_bytes(data)
    rows.append([name, block, found, description])


def changed(changes, original=page):
    data = bytearray(original)
    for offset, new in changes.items():
        data[offset : offset + len(new)] = new
    return bytes(data)


save("sound", page, 0, "valid", "undamaged copy of block 0 of table numbers")
save("flipped_bit", changed({8000: bytes([page[8000] ^ 0x10])}), 0, "checksum",
     "bit 4 of byte 8000 is flipped: a row's data")
save("flipped_header_bit", changed({0: bytes([page[0] ^ 0x01])}), 0, "checksum",
     "bit 0 of the log position is flipped")
save("zeroed_checksum", changed({8: b"\0\0"}), 0, "checksum", "the stored checksum is 0")
save("wrong_block", source[8192:16384], 0, "checksum",
     "block 1 of table numbers stands where block 0 should")
save("torn", page[:4096] + source[8192 + 4096 : 16384], 0, "checksum",
     "the second half belongs to another block, as after a torn write")
save("bad_upper", changed({14: struct.pack("<H", 8200)}), 0, "checksum",
     "upper points behind the page; the header is bad too, if checksums are off")
save("bad_flags", changed({10: struct.pack("<H", 0x8000)}), 0, "checksum",
     "an unknown flag bit; the header is bad too, if checksums are off")
save("not_quite_zero", changed({8191: b"\1"}, bytes(8192)), 0, "header",
     "all bytes are zero but the last")
save("new", bytes(8192), 0, "new", "all bytes are zero: a page never written, not damaged")
save("truncated", source[: 8192 + 4096], 0, "valid",
     "one sound block, then half of the next: the file was cut")
save("empty", b"", 0, "none", "no block at all")

with open(here / "manifest.csv", "w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["name", "block", "verification", "damage"])
    writer.writerows(rows)
