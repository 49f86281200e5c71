"""Certificates as plain data for their files, and back: within limits, and in one form only.

A certificate may come from anybody. So everything that is read is checked against limits before it is used. A set of
sizes is accepted only as it is written here: its parts in order, without overlaps. A network is written as in every
other file (:mod:`wellshaped.spec.network.data`).
"""

from collections.abc import Iterator
from typing import Any

from ..spec.arithmetic.progression import Progression
from ..spec.arithmetic.size_set import SizeSet
from ..spec.messages.faults import FEW
from ..spec.messages.report import FileError, WellshapedError
from ..spec.messages.written import MAX_WRITTEN_DIGITS, clipped, written_number, written_value
from ..spec.network import Network, data_of, network_from
from ..spec.network.network import MAX_LETTERS
from .certified_halo import MAX_WAYS, CertifiedHalo

FORM = "graph 1"
"""The form of the files that are written and read. Files of the first version have no form, and a list of steps."""

MAX_NODES = 1000
"""A certified network has at most this many nodes. A U-Net of five levels has about a hundred."""

MAX_INPUTS = 10_000
"""The nodes have at most this many inputs together, because the statement grows with them."""

MAX_PROGRESSIONS = 200
"""The sizes have at most this many progressions. From 400 on, Z3 exceeds its own time limit."""

_HALO = {"aligned": list, "any": list, "examples": list, "ways": list, "statement": str}
_NETWORK, _SIZES = {"axes": int, "inputs": dict, "outputs": list, "nodes": list}, {"says": str, "progressions": list}


def data_of_sizes(sizes: SizeSet) -> dict[str, Any]:
    """Return the sizes as plain data.

    >>> data_of_sizes(SizeSet([Progression(1, 1, None)]))
    {'says': 'n ≥ 1', 'progressions': [[1, 1, None]]}
    """
    return {"says": str(sizes), "progressions": [[p.first, p.step, p.count] for p in (*sizes.head, *sizes.tail)]}


def require_limits(network: Network, sizes: SizeSet, prover: str = "") -> None:
    """Check that a certificate can hold this network, these sizes and this prover's name.

    Raises :class:`WellshapedError` if there are more than :data:`MAX_NODES` nodes or inputs, :data:`MAX_INPUTS` inputs
    of nodes or :data:`MAX_PROGRESSIONS` progressions, or if a number has more than 300 digits or a text more than
    :data:`MAX_LETTERS` letters.
    """
    _require_few(network.inputs, "inputs", MAX_NODES)
    _require_few(network.nodes, "nodes", MAX_NODES)
    _require_bounded_network(data_of(network))
    parts = (*sizes.head, *sizes.tail)
    _require_few(parts, "progressions", MAX_PROGRESSIONS)
    for p in parts:
        _require_bounded({"first": p.first, "step": p.step, "count": p.count}, "sizes")
    _require_bounded(prover, "prover")


def certified_network(data: object) -> Network:
    """Return the network that plain data describe.

    Raises :class:`FileError` if the data are not a network, and :class:`WellshapedError` if they exceed a limit.

    >>> certified_network({"axes": 1, "inputs": {"x": 1}, "outputs": ["x"], "nodes": []}).axis_names
    ('length',)
    """
    given = require_object(data, "the network", _NETWORK)
    _require_few(given["inputs"], "inputs", MAX_NODES)
    _require_few(given["nodes"], "nodes", MAX_NODES)
    _require_bounded_network(given)
    try:
        return network_from(given)
    except WellshapedError as error:
        raise _as_file_error(error) from None


def _require_bounded_network(data: dict[str, Any]) -> None:
    """Check the length of every text and number, and the number of inputs of nodes. The data may be anything else."""
    _require_bounded(data, "network")
    inputs = [node["inputs"] for node in data["nodes"] if isinstance(node, dict) and "inputs" in node]
    _require_few([name for of_it in inputs if isinstance(of_it, list) for name in of_it], "inputs of nodes", MAX_INPUTS)


def _require_bounded(data: object, name: str) -> None:
    for key, value in _plain_values(data, name):
        if isinstance(value, str) and len(value) > MAX_LETTERS:
            says = f"{clipped(key)} has a text of {len(value)} letters, and may have at most {MAX_LETTERS}"
            raise WellshapedError.of("certifying the network", "letters", "a text is too long", says, "shorter names")
        if isinstance(value, int) and value >= 10**MAX_WRITTEN_DIGITS:
            says = f"{clipped(key)}={written_number(value)}, and a number may have at most {MAX_WRITTEN_DIGITS} digits"
            raise WellshapedError.of(
                "certifying the network", "digits", "a number is too long", says, "smaller numbers"
            )


def _plain_values(data: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield each text and number of plain data, with the key of its value, and each key."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield "a key", key
            yield from _plain_values(value, key)
    elif isinstance(data, list):
        for value in data:
            yield from _plain_values(value, name)
    else:
        yield name, data


def sizes_from(data: object) -> SizeSet:
    """Return the sizes that plain data describe.

    Raises :class:`FileError` if the data are not a set of sizes: a number is not natural, or infinite progressions have
    different steps. Raises :class:`WellshapedError` if there are more than :data:`MAX_PROGRESSIONS` progressions.
    """
    given = require_object(data, "the sizes", _SIZES)["progressions"]
    _require_few(given, "progressions", MAX_PROGRESSIONS)
    parts = []
    for i, numbers in enumerate(given):
        if not isinstance(numbers, list) or len(numbers) != 3:
            says = clipped(written_value(numbers))
            raise not_a_certificate(f"progression {i} is {says}, and must be a list of first, step and count")
        try:
            parts.append(Progression(*numbers))
        except WellshapedError as error:
            raise not_a_certificate(f"progression {i}: {error.report.failures[0].says}") from None
    if len({part.step for part in parts if part.count is None}) > 1:
        raise not_a_certificate("it has infinite progressions with different steps")
    return SizeSet(parts)


def data_of_halo(halo: CertifiedHalo) -> dict[str, Any]:
    """Return the halo as plain data.

    >>> data_of_halo(CertifiedHalo((1, 1), (1, 1), ((4, 2),) * 4, (4,), ""))["aligned"]
    [1, 1]
    """
    return {
        "aligned": list(halo.aligned),
        "any": list(halo.any),
        "examples": [list(of_it) for of_it in halo.examples],
        "ways": list(halo.ways),
        "statement": halo.statement,
    }


def halo_from(data: object) -> CertifiedHalo:
    """Return the halo that plain data describe. Raises :class:`FileError` if the data are no halo."""
    given = require_object(data, "the halo", _HALO)
    pairs = [given["aligned"], given["any"], *given["examples"]]
    if len(pairs) != 6 or not all(map(_is_pair_of_naturals, pairs)):
        raise not_a_certificate("the halo must be two pairs of natural numbers, and its examples four")
    if not given["ways"] or not all(map(_is_natural, given["ways"])):
        raise not_a_certificate("the ways of the halo must be a list of sizes, with at least one")
    _require_few(given["ways"], "ways", MAX_WAYS)
    aligned, any_core, *examples = ((before, after) for before, after in pairs)
    return CertifiedHalo(
        aligned,
        any_core,
        (examples[0], examples[1], examples[2], examples[3]),
        tuple(given["ways"]),
        given["statement"],
    )


def _is_pair_of_naturals(pair: object) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(map(_is_natural, pair))


def _is_natural(number: object) -> bool:
    return type(number) is int and number >= 0


def require_form(data: object) -> None:
    """Raise :class:`FileError` if the data are a certificate of another form than :data:`FORM`.

    Data that are no certificate of any form pass here; later checks reject them.
    """
    if not isinstance(data, dict):
        return
    first_form = "form" not in data and {"network", "sizes", "statement"} <= set(data)
    if first_form or data.get("form", FORM) != FORM:
        form = "the form of the first version" if first_form else f"the form {clipped(written_value(data['form']))}"
        says = f"it has {form}, and must have the form {FORM!r}"
        raise FileError.of("the certificate", "form", "another form of certificate", says, "certify(network)")


def require_object(data: object, what: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return ``data`` if it is a JSON object with these ``keys``, each with a value of its type.

    Raises :class:`FileError` if not. Numbers are checked later, by the code that uses them.
    """
    names = ", ".join(keys)
    if not isinstance(data, dict):
        raise not_a_certificate(f"{what} is {_kind(data)}, and must be an object with the keys {names}")
    missing = [key for key in keys if key not in data]
    if missing:
        raise not_a_certificate(f"{what} lacks the key{'s' * (len(missing) > 1)} {', '.join(missing)}")
    for key, kind in keys.items():
        if kind is not int and not isinstance(data[key], kind):
            raise not_a_certificate(f"{key} of {what} is {_kind(data[key])}, and must be {_JSON[kind]}")
    return data


_JSON = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}


def _kind(value: object) -> str:
    return _JSON.get(type(value), "null")


def _require_few(values: Any, what: str, most: int) -> None:
    if len(values) > most:
        says = f"it has {len(values)} {what}, and may have at most {most}"
        raise WellshapedError.of(
            "certifying the network", what.replace(" ", "_"), "too large to prove", says, "a smaller network"
        )


def _as_file_error(error: WellshapedError) -> FileError:
    """Return the error for a certificate whose network raises ``error``."""
    messages = [clipped(f"{verdict.about}: {verdict.says}", MAX_LETTERS) for verdict in error.report.failures]
    more = [f"and {len(messages) - FEW} more"] if len(messages) > FEW else []
    return not_a_certificate("; ".join([*messages[:FEW], *more]))


def not_a_certificate(says: str) -> FileError:
    """Return the error to raise for data that are not a certificate."""
    return FileError.of("the certificate", "syntax", "it is not a certificate", says, "certify(network)")
