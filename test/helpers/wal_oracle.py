"""The truth about a database and its WAL, by another program in another language: applies the frames transaction by
transaction and prints a line for each state, "<frames so far> <length in pages> <SHA-256 of the file>", the file itself
first. Nothing is shared with the TypeScript parser but https://sqlite.org/fileformat2.html.

    python3 wal_oracle.py app.db [app.db-wal]
"""

import hashlib
import os
import struct
import sys


def checksum(order, data, s1, s2):
    words = struct.unpack(order + "%dI" % (len(data) // 4), data)
    for x, y in zip(words[::2], words[1::2]):
        s1 = (s1 + x + s2) & 0xFFFFFFFF
        s2 = (s2 + y + s1) & 0xFFFFFFFF
    return s1, s2


def transactions(wal):
    """Yields (frames so far, page size, pages of the database, {page number: bytes})."""
    header = wal.read(32)
    if len(header) < 32:
        return
    magic, version, size, _, salt1, salt2, c1, c2 = struct.unpack(">8I", header)
    if magic not in (0x377F0682, 0x377F0683) or version != 3007000:
        return
    order = ">" if magic & 1 else "<"
    s1, s2 = checksum(order, header[:24], 0, 0)
    if (s1, s2) != (c1, c2):
        return
    pages, count = {}, 0
    while True:
        frame = wal.read(24 + size)
        if len(frame) < 24 + size:
            return
        number, commit, f1, f2, c1, c2 = struct.unpack(">6I", frame[:24])
        if (f1, f2) != (salt1, salt2) or number == 0:
            return
        s1, s2 = checksum(order, frame[:8], s1, s2)
        s1, s2 = checksum(order, frame[24:], s1, s2)
        if (s1, s2) != (c1, c2):
            return
        pages[number] = frame[24:]
        count += 1
        if commit:
            yield count, size, commit, pages
            pages = {}


def main(database, wal=None):
    with open(database, "rb") as file:
        image = bytearray(file.read())
    size = struct.unpack(">H", image[16:18])[0] if image else 0
    size = 65536 if size == 1 else size
    print(0, len(image) // size if size else 0, hashlib.sha256(image).hexdigest())
    if wal is None or not os.path.exists(wal):
        return
    with open(wal, "rb") as file:
        for count, size, length, pages in transactions(file):
            if len(image) < length * size:
                image.extend(bytes(length * size - len(image)))
            del image[length * size :]
            for number, page in pages.items():
                if number <= length:
                    image[(number - 1) * size : number * size] = page
            print(count, length, hashlib.sha256(image).hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
