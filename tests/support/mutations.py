"""Files of JSON or TOML, broken in every way that a file can be broken: seeded, so that a red run can be repeated."""

import json
import re
from random import Random

NUMBERS = ["-1", "-0", "0", "1", "2.5", "1e400", "NaN", "Infinity", "-Infinity", "nan", "inf", "true", "null", '"2"']
NUMBERS += ["[2]", "{}", "0x1f", "0x" + "f" * 5000, "9" * 99, "9" * 100, "9" * 300, "9" * 301, "9" * 4300, "9" * 4301]
NUMBERS += ["-" + "9" * 5000, "1" + "0" * 50_000, "2024-02-29", "1_000", "²", ""]
ENCODINGS = ["utf-16", "utf-16-be", "utf-32", "latin-1", "utf-8-sig", "utf-7", "cp037"]
INSERTED = [b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b'"\\ud800"', b"[", b"]", b"{", b"}", b",", b'"', b"#", b"\r", b"\\"]


def truncated(random: Random, text: str) -> bytes:
    return text.encode()[: random.randrange(len(text) + 1)]


def a_slice_less(random: Random, text: str) -> bytes:
    a, b = sorted(random.randrange(len(text) + 1) for _ in range(2))
    return (text[:a] + text[b:]).encode()


def a_slice_twice(random: Random, text: str) -> bytes:
    a, b = sorted(random.randrange(len(text) + 1) for _ in range(2))
    return (text[:b] + text[a:]).encode()


def other_bytes(random: Random, text: str) -> bytes:
    raw = bytearray(text.encode())
    for _ in range(random.choice([1, 1, 1, 5, 50])):
        raw[random.randrange(len(raw))] = random.randrange(256)
    return bytes(raw)


def bytes_more(random: Random, text: str) -> bytes:
    raw, at = text.encode(), random.randrange(len(text) + 1)
    return raw[:at] + random.choice(INSERTED) * random.choice([1, 2, 1000]) + raw[at:]


def a_line_twice(random: Random, text: str) -> bytes:
    """Doubled keys, where each line has one."""
    lines = text.splitlines(keepends=True)
    lines.insert(random.randrange(len(lines) + 1), random.choice(lines))
    return "".join(lines).encode()


def another_number(random: Random, text: str) -> bytes:
    found = random.choice(list(re.finditer(r"\b\d+\b", text)))
    return (text[: found.start()] + random.choice(NUMBERS) + text[found.end() :]).encode()


def another_encoding(random: Random, text: str) -> bytes:
    return text.encode(random.choice(ENCODINGS), "replace")


def deep_nesting(random: Random, text: str) -> bytes:
    found = random.choice(list(re.finditer(r"\b\d+\b", text)))
    opened, closed = random.choice([("[", "]"), ('{"a":', "}"), ("{a=", "}"), ("a.", "")])
    depth = random.choice([10, 90, 300, 900, 20_000])
    inside = opened * depth + "1" + closed * random.choice([0, depth])
    return (text[: found.start()] + inside + text[found.end() :]).encode()


def many(random: Random, text: str) -> bytes:
    """A file that is long, or whose one value is."""
    line = random.choice([*text.splitlines(keepends=True), "[", "# \n", '"', "a.", "1,", '{"a":1,'])
    return (text + line * random.choice([100, 5000])).encode() if random.random() < 0.5 else (line * 20_000).encode()


def another_value(random: Random, text: str) -> bytes:
    """Of a JSON file: any part of it replaced by another part, left out or repeated."""
    try:
        data = json.loads(text)
    except ValueError:
        return truncated(random, text)
    places: list[tuple[list | dict, object]] = []

    def walk(node: object) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(data)
    for _ in range(random.choice([1, 1, 1, 3])):
        (node, key), (source, name) = random.choice(places), random.choice(places)
        try:
            match random.randrange(4):
                case 0:
                    node[key] = json.loads(json.dumps(source[name]))
                case 1:
                    del node[key]
                case 2:
                    node[key] = random.choice([None, True, [], {}, "", 0, 3, -1, 2.0, 10**12, "x" * 1000])
                case 3 if isinstance(node, list):
                    node.insert(key, json.loads(json.dumps(source[name])))
        except (KeyError, IndexError):
            pass  # an earlier change took this place away
    return json.dumps(data, indent=random.choice([None, 1])).encode()


KINDS = [
    *(truncated, a_slice_less, a_slice_twice, other_bytes, bytes_more, a_line_twice, another_number),
    *(another_encoding, deep_nesting, many, another_value),
]


def mutations(texts: list[str], number: int, seed: int) -> list[tuple[str, bytes]]:
    """So many broken files, of every kind as many, each with the name of how it was broken."""
    random = Random(seed)
    kinds = [KINDS[i % len(KINDS)] for i in range(number)]
    return [(f"{i} {kind.__name__}", kind(random, random.choice(texts))) for i, kind in enumerate(kinds)]
