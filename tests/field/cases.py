"""Real inputs with the right answer, from ``cases.json``; the steps of a case are read as a graph along one axis.

The steps are in the language of the first version: ``Save`` names a size, ``Join`` meets it again.
"""

import ast
import json
import re
from pathlib import Path
from typing import Any

from wellshaped.spec import (
    Concat,
    CropTo,
    Network,
    Node,
    Operation,
    Progression,
    Resize,
    ResizeTo,
    SizeSet,
    TransposedWindow,
    Window,
)

CASES: dict[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((Path(__file__).parent / "cases.json").read_text("utf-8"))
}

_ENDS = {"before", "after", "name", "how"}


def sketch(case: dict[str, Any], resized: Operation | None = None) -> Network:
    """The network of the steps of a case.

    ``resized`` is what a join that resizes does with what is at hand, given the skip, if not to resize it.
    """
    nodes: list[Node] = []
    saved: dict[str, str] = {}
    now = "x"

    def add(name: str, operation: Operation, *inputs: str) -> str:
        nodes.append(Node(name, operation, inputs))
        return name

    for i, text in enumerate(case["steps"]):
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        kind = call.func.id  # type: ignore[attr-defined]  # a name
        given = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        numbers = {name: value for name, value in given.items() if name not in _ENDS}
        if "before" in given or "after" in given:
            numbers["padding"] = ((given.get("before", 0), given.get("after", 0)),)
        match kind:
            case "Save":
                saved[given["name"]] = now
            case "Join":
                skip, how = saved[given["name"]], given.get("how", "exact")
                if how == "even crop":
                    skip = add(f"{given['name']} cropped", CropTo(odd="never"), skip, now)
                elif how == "resize":
                    now = add(f"{given['name']} met", resized or ResizeTo(), now, skip)
                else:
                    assert how == "exact"
                now = add(f"{given['name']} joined", Concat(), skip, now)
            case "Window":
                now = add(f"step{i}", Window(**numbers), now)
            case "Transposed":
                now = add(f"step{i}", TransposedWindow(**numbers), now)
            case "Resize":
                mode = "linear" if i in case.get("bilinear_steps", ()) else "nearest"
                now = add(f"step{i}", Resize(**numbers, mode=mode), now)
            case _:
                raise AssertionError(text)
    return Network({"x": 1}, nodes, axes=1)


def sizes(text: str) -> SizeSet:
    """The set of sizes that a case writes: ``n = 0 mod 8, n >= 24``, or with ``≡`` and ``≥``."""
    least = re.search(r"n (?:>=|≥) (\d+)", text)
    of = re.match(r"n (?:=|≡) (\d+(?: or \d+)*) \(?mod (\d+)\)?", text)
    residues, period = ([int(r) for r in of[1].split(" or ")], int(of[2])) if of else ([0], 1)
    start = int(least[1]) if least else 1
    return SizeSet([Progression(start + (r - start) % period, period, None) for r in residues])
