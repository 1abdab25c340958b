"""Clears the code for all CUDA architectures but one in a library, so that it compresses to a fraction of its size.

    python3 cut-fatbin.py LIBRARY 90 OUT
"""
import struct
import sys

source, kept, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
data = bytearray(open(source, "rb").read())


def section(name):
    """Offset and size of a section of an ELF file of 64 bits."""
    table = struct.unpack_from("<Q", data, 0x28)[0]
    entry, count, names = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<II4Q", data, table + i * entry) for i in range(count)]
    for place, _, _, _, offset, size in headers:
        start = headers[names][4] + place
        if data[start : data.index(0, start)] == name:
            return offset, size
    sys.exit(f"{source} has no section {name.decode()}")


MAGIC = b"\x50\xed\x55\xba"
at, size = section(b".nv_fatbin")
end, bytes_kept = at + size, 0
while at < end:
    if data[at : at + 4] != MAGIC:
        at += 8
        continue
    _, _, header, length = struct.unpack_from("<IHHQ", data, at)
    entry, at = at + header, at + header + length
    while entry < at:
        _, _, header, length = struct.unpack_from("<HHIQ", data, entry)
        if struct.unpack_from("<I", data, entry + 28)[0] == kept:
            bytes_kept += length
        else:
            data[entry + header : entry + header + length] = bytes(length)
        entry += header + length
if bytes_kept == 0:
    sys.exit(f"{source} has no code for sm_{kept}")
open(out, "wb").write(data)
