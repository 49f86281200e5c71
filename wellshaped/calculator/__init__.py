"""The answers of the page that computes sizes in a reader's browser, with the words of the command line.

It needs the standard library alone, so it runs unchanged in a browser (``docs/calculator``).
"""

from .answering import answer_in_json as answer_in_json
from .answering import answer_to as answer_to
