"""Files of JSON with one damaged value each, and the repair of a file by the fix of its error."""

import copy
import json
import re

_LENGTHS = (
    lambda given: given[:-1],
    lambda given: given[1:],
    lambda given: [*given, *given],
    lambda given: [given],
)
"""Lists with another count of entries."""

_OTHERS = (None, True, -1, 0, 10**9, 2.5, "x", "3", [], [1], [None], ["x", {}], {}, {"x": 1})
"""Values that one key or another can't have."""


def places(data, at=()):
    """Every place in the data, as the keys and indices that lead there."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inside:
        yield (*at, key)
        yield from places(value, (*at, key))


def damaged(good):
    """Yield copies of the data with one place deleted or replaced, by what was done."""
    for place in places(good):
        *above, last = place
        old = _at(good, place)
        values = [*_OTHERS, *(change(old) for change in _LENGTHS if isinstance(old, list))]
        for value in [deleted, *(value for value in values if value != old)]:
            data = copy.deepcopy(good)
            if value is deleted:
                del _at(data, above)[last]
            else:
                _at(data, above)[last] = copy.deepcopy(value)
            yield f"{' > '.join(map(str, place))}: {'deleted' if value is deleted else value}", data


deleted = object()


def place_of(report):
    """The place of an error: what stands before the verb of its sentence, and the key if one is missing."""
    (failure,) = report.failures
    place, words = re.fullmatch(r"(.*?) ((?:is|has) .*)", failure.says).groups()
    missing = re.match(r"has no key '(.*)'", words)
    return place, missing and missing[1]


def repaired(data, report):
    """The data with the only fix of a report applied literally, or ``None`` for a fix of another form."""
    (fix,) = report.fixes
    place = [] if (at := place_of(report)[0]) == "the file" else list(_keys(at))
    renamed = re.fullmatch(r'("\w+") in place of "(\w+)"', fix)
    data = copy.deepcopy(data)
    if renamed:
        around = _at(data, place)
        around[json.loads(renamed[1])] = around.pop(renamed[2])
        return data
    try:
        ((key, value),) = json.loads(f"{{{fix}}}").items()
    except json.JSONDecodeError:
        return None
    above = place[: max(i for i, name in enumerate(place) if name == key)] if key in place else place
    _at(data, above)[key] = value
    return data


def _keys(at):
    for part in at.split(" > "):
        key, *indices = re.split(r"\[(\d+)\]", part)
        yield from [key, *(int(index) for index in indices if index)]


def _at(data, place):
    for key in place:
        data = data[key]
    return data
