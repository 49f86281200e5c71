"""The words that our docstrings, messages and pages do without, each with what to write (CONTRIBUTING, "Prose")."""

import re

AVOIDED = {
    r"refus(e|es|ed|ing|al|als)": "raises, rejects",
    r"mend(s|ed|ing)?": "fix, repair",
    r"demands?": "rule, requirement",
    r"facts?": "rule, condition",
    r"surviv(e|es|ed|ing)": "fit",
    r"of which": "two sentences",
    r"what is none": "what is not a …",
    r"has it (none|so)": "two sentences",
    r"no news": "nothing new",
    r"wants?": "needs, requires",
    r"for ever": "forever",
}

_AVOIDED = re.compile(rf"\b({'|'.join(AVOIDED)})\b", re.IGNORECASE)


def words_to_avoid(text):
    """The avoided words in ``text``; code in backquotes is not prose."""
    return [found[0] for found in _AVOIDED.finditer(re.sub(r"```.*?```|``.*?``|`[^`\n]*`", "", text, flags=re.DOTALL))]
