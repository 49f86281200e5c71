"""What a plan says: a network, and sentences about what the network leaves out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...spec.messages.report import FileError, wrapped
from ...spec.messages.written import written_value
from ...spec.network.network import Network


@dataclass(frozen=True, slots=True)
class PlannedNetwork:
    """A network that a file describes. ``print`` it, or use its fields.

    - ``name``: of the configuration or the key in the file. ``kind``: the class of the network.
    - ``network``: the :class:`wellshaped.spec.Network`.
    - ``not_supported``: sentences about what the file says and the network leaves out.
    - ``patch_size``: the size of the images that the file plans, or ``None``.

    >>> from wellshaped.spec import PRESETS
    >>> print(PlannedNetwork("3d", "UNet", PRESETS["monai_unet"], ("act is 'celu', and …",), (96, 96, 96)))
    3d: UNet, axes 3, channels 1 → 2, nodes 70, patch 96 × 96 × 96
      not supported: act is 'celu', and …
    """

    name: str
    kind: str
    network: Network
    not_supported: tuple[str, ...] = ()
    patch_size: tuple[int, ...] | None = None

    def lines(self) -> list[str]:
        """The lines of the text, before long ones are wrapped."""
        net = self.network
        made = ", ".join(dict.fromkeys(str(net.channels[name]) for name in net.outputs))
        channels = f"channels {net.image.channels} → {made}"
        patch = f", patch {' × '.join(map(str, self.patch_size))}" if self.patch_size else ""
        name = self.name if self.name.isprintable() else written_value(self.name)
        lead = f"{name}: {self.kind}, axes {net.axes}, {channels}, nodes {len(net.nodes)}{patch}"
        return [lead, *(f"  not supported: {said}" for said in self.not_supported)]

    def __str__(self) -> str:
        return "\n".join(map(wrapped, self.lines()))


@dataclass(frozen=True, slots=True, repr=False)
class PlannedNetworks(Mapping[str, PlannedNetwork]):
    """The networks of a plans file, by the name of the configuration. ``print`` it to see all.

    ``unknown`` has the error of each configuration whose network can't be read, by its name. They are not among the
    networks, and asking for one raises its error. ``not_supported`` says why, in sentences.

    >>> from wellshaped.interop import PlannedNetwork
    >>> from wellshaped.spec import PRESETS
    >>> plans = PlannedNetworks("plans.json", {"3d": PlannedNetwork("3d", "UNet", PRESETS["monai_unet"])})
    >>> list(plans), plans["3d"].network.axes
    (['3d'], 3)
    >>> print(plans)
    plans.json
      3d: UNet, axes 3, channels 1 → 2, nodes 70
    """

    file: str
    planned: Mapping[str, PlannedNetwork]
    unknown: Mapping[str, FileError] = field(default_factory=dict)

    @property
    def not_supported(self) -> tuple[str, ...]:
        """Sentences about the configurations that are not read."""
        return tuple(error.report.failures[0].says for error in self.unknown.values())

    def __getitem__(self, name: str) -> PlannedNetwork:
        if name in self.unknown:
            raise FileError(self.unknown[name].report)
        return self.planned[name]

    def __contains__(self, name: object) -> bool:
        return name in self.planned

    def __iter__(self) -> Iterator[str]:
        return iter(self.planned)

    def __len__(self) -> int:
        return len(self.planned)

    def __repr__(self) -> str:
        return f"<PlannedNetworks {', '.join(self.planned)} of {self.file}>"

    def __str__(self) -> str:
        lines = [line for of in self.planned.values() for line in of.lines()]
        lines += [f"not supported: {said}" for said in self.not_supported]
        return "\n".join([self.file, *(wrapped(f"  {line}") for line in lines)])
