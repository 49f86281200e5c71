"""The question of the page's form: a network and an image, and the command that asks the same."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..spec import PRESETS, AnyNetwork
from ..spec.files.networks import network_of_text
from ..words.fields import CONFIGS, with_fields, word_of

NAMES = tuple(dict.fromkeys([*CONFIGS, *PRESETS]))
"""The networks that have a name."""

FILES = ("network.toml", "network.json")
"""What a pasted file is called."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the form holds, as it was typed.

    - ``network``: one of :data:`NAMES`, or of :data:`FILES` for the network in ``text``.
    - ``fields``: values of a config's fields that are not the network's own.
    - ``input``: the shape of the image, as ``3x303x384``; ``tile``: the largest size of a tile. Either may be "".
    """

    network: str
    fields: Mapping[str, str]
    text: str
    input: str
    tile: str

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Question":
        """Return the question of a ``state``: a dict with some of the fields of this class.

        >>> Question.of({"network": "unet", "fields": {"levels": "3"}, "input": "3x303x384"}).command
        'wellshaped check unet --levels 3 --input 3x303x384'
        """
        fields = {str(name): str(value).strip() for name, value in dict(state.get("fields", {})).items()}
        plain = {name: str(state.get(name, "")).strip() for name in ("network", "input", "tile")}
        return cls(**plain, fields=fields, text=str(state.get("text", "")))

    @property
    def words(self) -> list[str]:
        """The words of the command that asks the same."""
        words = ["check", self.network]
        for name, value in self.fields.items():
            if value in _SWITCHES:
                words.append(word_of(name if _SWITCHES[value] else f"no_{name}"))
            else:
                words += [word_of(name), value]
        return [*words, "--input", self.input] if self.input else words

    @property
    def command(self) -> str:
        """The command that asks the same."""
        return shlex.join(["wellshaped", *self.words])

    def asked(self) -> AnyNetwork:
        """Return the network. Raises the errors of :func:`wellshaped.spec.load_network`, and those about fields."""
        fields = {name: _SWITCHES.get(value, value) for name, value in self.fields.items()}
        network: AnyNetwork = self.network if self.network in PRESETS else CONFIGS.get(self.network, self.network)
        if self.network in FILES:
            network = network_of_text(self.text, Path(self.network))
        return with_fields(network, self.network, fields)


_SWITCHES = {"true": True, "false": False}
