"""The presets by name. A graph is only built when it is used, so importing this module is fast."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, overload

from ..messages.choices import near_name
from ..messages.report import UsageError
from ..messages.written import clipped, written_value
from ..network.network import Network
from ..unet.config import UNetConfig
from ..unet2.config import UNet2Config
from .attention import attention_unet
from .audio import demucs, wave_unet
from .configs import CONFIGS
from .diffusion import ddpm, stable_diffusion_vae
from .full_scale import unet3plus
from .nested import u2net, u2net_rsu7, unetplusplus
from .nnunet import nnunet_3d_fullres, nnunet_3d_resenc
from .residual import monai_unet, smp_resnet34
from .translation import pix2pix
from .volumes import monai_basicunet, unet3d

ConfigName = Literal["tiny", "ronneberger2015", "milesial", "monai_like"]
"""The names of the presets that are a :class:`UNetConfig`."""


class UnknownPresetError(UsageError, KeyError):
    """There is no preset of this name. As for any mapping, it is also a :class:`KeyError`.

    >>> PRESETS["milesail"]
    Traceback (most recent call last):
    ...
    wellshaped.spec.presets.catalogue.UnknownPresetError: the network can't be used.
      preset: no preset is called 'milesail'.
      fix: "milesial"
    """

    def __str__(self) -> str:  # a KeyError's own text is the repr of its argument
        return str(self.report)


def _unknown(name: object, names: Iterable[str]) -> UnknownPresetError:
    says = f"no preset is called {clipped(written_value(name))}"
    near = near_name(name, [*names, "unet"])
    fix = f'"{near}"' if near else "a name in PRESETS; list(PRESETS) shows all"
    fix = "UNetConfig(levels=4)" if near == "unet" else fix  # on the command line, this config has a name
    if isinstance(name, str) and name.endswith((".toml", ".json")):
        fix = f'load_network("{clipped(name)}")'
    return UnknownPresetError.of("the network", "preset", "", says, fix)


class Presets(Mapping[str, UNet2Config | UNetConfig | Network]):
    """Networks by name: configs, and graphs. A graph is built on first use and then kept.

    >>> PRESETS["milesial"]
    UNetConfig(norm='batch', join='pad', bias=False)
    >>> PRESETS["unetplusplus"].outputs, PRESETS["unetplusplus"] is PRESETS["unetplusplus"], "unetpp" in PRESETS
    (('final',), True, False)
    """

    def __init__(
        self, configs: Mapping[str, UNet2Config | UNetConfig], graphs: Mapping[str, Callable[..., Network]]
    ) -> None:
        self._known: dict[str, UNet2Config | UNetConfig | Network] = dict(configs)
        self._graphs = dict(graphs)
        self._names = dict.fromkeys([*configs, *graphs])

    @overload
    def __getitem__(self, name: ConfigName) -> UNetConfig: ...
    @overload
    def __getitem__(self, name: Literal["unet2"]) -> UNet2Config: ...
    @overload
    def __getitem__(self, name: str) -> UNet2Config | UNetConfig | Network: ...
    def __getitem__(self, name: str) -> UNet2Config | UNetConfig | Network:
        if name not in self._known:
            if name not in self._graphs:
                raise _unknown(name, self)
            self._known[name] = self._graphs[name]()
        return self._known[name]

    @property
    def functions(self) -> Mapping[str, Callable[..., Network]]:
        """The functions of the presets that are graphs, by name. Their arguments change widths and channels."""
        return self._graphs

    def __contains__(self, name: object) -> bool:  # Mapping's own would build the graph
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        yield from self._names

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"<Presets {', '.join(self)}>"


PRESETS = Presets(
    {"unet2": UNet2Config(), **CONFIGS},
    {
        "smp_resnet34": smp_resnet34,
        "monai_unet": monai_unet,
        "monai_basicunet": monai_basicunet,
        "unetplusplus": unetplusplus,
        "unet3plus": unet3plus,
        "attention_unet": attention_unet,
        "pix2pix": pix2pix,
        "u2net_rsu7": u2net_rsu7,
        "u2net": u2net,
        "unet3d": unet3d,
        "nnunet_3d_fullres": nnunet_3d_fullres,
        "nnunet_3d_resenc": nnunet_3d_resenc,
        "ddpm": ddpm,
        "stable_diffusion_vae": stable_diffusion_vae,
        "demucs": demucs,
        "wave_unet": wave_unet,
    },
)
"""The presets by name. Each is described at its config or function."""
