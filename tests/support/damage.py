"""Files of JSON with one damaged value each, and the repair of a file by the fix of its error."""

import ast
import json
import re

_LENGTHS = (
    lambda given: given[:-1],
    lambda given: given[1:],
    lambda given: [*given, *given],
    lambda given: [given],
)
"""Lists with another count of entries."""

_OTHERS = (None, True, -1, 0, 10**9, 2.5, "x", [], [None], ["x", {}], {}, {"x": 1})
"""Values that one key or another can't have."""

_DELETED = object()


def damaged(good):
    """Yield copies of the data with one place deleted or replaced, by what was done. Of a list, damage one entry."""
    for *above, last in _places(good):
        old = _at(good, above)[last]
        lists = [change(old) for change in _LENGTHS] if isinstance(old, list) else []
        for value in (_DELETED, *(value for value in (*_OTHERS, *lists) if value != old)):
            data = _copied(good)
            if value is _DELETED:
                del _at(data, above)[last]
            else:
                _at(data, above)[last] = _copied(value)
            yield f"{[*above, last]} {'deleted' if value is _DELETED else value}", data


def place_of(report):
    """The place of the only failure, with the key if one is missing."""
    (failure,) = report.failures
    place, missing = re.fullmatch(r"(.*?) (?:is|has) (?:no key '(.*)')?.*", failure.says).groups()
    return f"{place} > {missing}" if missing else place


def repaired(data, report):
    """The data with the only fix applied literally, or ``None`` for a fix that is no key with a value."""
    (fix,) = report.fixes
    renamed = re.fullmatch(r'"(\w+)" in place of "(\w+)"', fix)
    entry = None if renamed else _entry_of(fix)
    if not (renamed or entry):
        return None
    key, value = (renamed[1], None) if renamed else entry
    place, data = list(_keys(place_of(report))), _copied(data)
    around = _at(data, place[: max(i for i, name in enumerate(place) if name == key)] if key in place else place)
    around[key] = around.pop(renamed[2]) if renamed else value
    return data


def _entry_of(fix):
    for parse in (json.loads, ast.literal_eval):  # of a file, and of a call
        try:
            ((key, value),) = parse(f"{{{fix}}}").items()
            return key, value
        except (ValueError, SyntaxError):
            continue
    return None


def _places(data):
    """Every place in the data, as the keys and indices that lead there; of a list only the first."""
    inside = data.items() if isinstance(data, dict) else enumerate(data[:1]) if isinstance(data, list) else ()
    for key, value in inside:
        yield (key,)
        yield from ((key, *more) for more in _places(value))


def _keys(place):
    for part in place.removeprefix("the file > ").split(" > "):
        key, *indices = re.split(r"\[(\d+)\]", part)
        yield from (key, *(int(index) for index in indices if index))


def _at(data, place):
    for key in place:
        data = data[key]
    return data


def _copied(data):
    return json.loads(json.dumps(data))
