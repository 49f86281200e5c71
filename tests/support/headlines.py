"""How the first line of an error ends, whatever its class, and the exit status of a command that prints it."""

import re

_STATUS = {
    "does not fit": 1,
    "is not well-formed": 1,
    "is not possible": 1,
    "is not proved": 1,
    "can't be read": 2,
    "can't be written": 2,
    "can't be used": 2,
    "can't be decided": 2,
}

HEADLINE = rf" ({'|'.join(_STATUS)})\.$"


def status_with(line):
    """1 where the answer is no, 2 where the question can't be read. The words alone say which, also about a file."""
    return _STATUS[re.search(HEADLINE, line)[1]]
