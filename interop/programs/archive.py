"""Zip archives of one form: members stored without compression, in order, with a fixed date and no other fields.

So equal members give equal bytes, and a file either has exactly these bytes or is rejected. Nothing is unpacked, so a
file can't grow when it is read.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from ...spec.files.disk import reading, replacing
from ...spec.messages.report import FileError, UsageError

SUFFIX = ".zip"

MAX_MEMBERS = 256
"""The most members of an archive."""

_MOST = 2**32 - 2**20
"""The most bytes of an archive. Larger ones need another form of zip."""

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE = 0x21  # 1 January 1980, the first date of the format
_MODE = 0o100644 << 16


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write the members in order. Raises :class:`FileError` if that fails, and :class:`UsageError` beyond 4 GB."""
    total = sum(map(len, members.values()))
    if total > _MOST:
        says = f"its arrays and programs have {total} bytes, and at most {_MOST} are possible"
        raise UsageError.of("exporting the model", "bytes", "", says, "a smaller network, or param_dtype=jnp.bfloat16")
    with replacing(path) as new, new.open("wb") as file:
        for piece in _pieces(members):
            file.write(piece)


def _pieces(members: Mapping[str, bytes]) -> Iterator[bytes]:
    """The bytes of the file, in order."""
    central, place = [], 0
    for name, data in members.items():
        raw = name.encode("ascii")
        kept = (0, 0, _DATE, zlib.crc32(data), len(data), len(data), len(raw), 0)
        local = _LOCAL.pack(b"PK\x03\x04", 20, 0, *kept[:1], *kept[1:]) + raw
        entry = _CENTRAL.pack(b"PK\x01\x02", (3 << 8) + 20, 20, 0, *kept[:1], *kept[1:], 0, 0, 0, _MODE, place) + raw
        central.append(entry)
        yield local
        yield data
        place += len(local) + len(data)
    directory = b"".join(central)
    yield directory
    yield _END.pack(b"PK\x05\x06", 0, 0, len(central), len(central), len(directory), place, 0)


def read_archive(path: Path, subject: str) -> dict[str, bytes]:
    """Return the members of a file that :func:`write_archive` wrote.

    Raises :class:`FileError` about the ``subject`` for a missing file, and for one with any other byte.
    """
    with reading(path, subject, (SUFFIX,)):
        if path.stat().st_size > _MOST + 2**20:
            raise _broken(subject, f"it has {path.stat().st_size} bytes, and may have at most {_MOST}")
        data = path.read_bytes()
    members = _members(data, subject)
    place = 0
    for piece in _pieces(members):
        if data[place : place + len(piece)] != piece:
            raise _broken(subject, f"after byte {place}, it differs from what its own members would give")
        place += len(piece)
    if place != len(data):
        raise _broken(subject, f"it has {len(data)} bytes, and its members give {place}")
    return members


def _members(data: bytes, subject: str) -> dict[str, bytes]:
    """The members as the directory of the archive lists them."""
    try:
        *_, count, _, start, _ = _END.unpack(data[-_END.size :])
        if count > MAX_MEMBERS:
            raise _broken(subject, f"it has {count} members, and may have at most {MAX_MEMBERS}")
        members: dict[str, bytes] = {}
        for _ in range(count):
            entry = _CENTRAL.unpack_from(data, start)
            size, length, place = entry[8], entry[10], entry[-1]
            name = data[start + _CENTRAL.size : start + _CENTRAL.size + length].decode("ascii")
            begin = place + _LOCAL.size + length
            if begin + size > len(data) or name in members:
                raise _broken(subject, "its directory and its members do not agree")
            members[name] = data[begin : begin + size]
            start += _CENTRAL.size + length
    except (struct.error, UnicodeDecodeError):
        raise _broken(subject, "its directory is broken") from None
    return members


FIX = "a file that wellshaped.interop.export wrote, and nothing packed again"


def _broken(subject: str, says: str) -> FileError:
    return FileError.of(subject, "archive", "it is not an exported program, or is damaged", says, FIX)
