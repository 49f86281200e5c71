"""Hypothesis strategies for configs and sizes. They build what they promise, and shrink toward small numbers."""

from hypothesis import strategies as st

from wellshaped.spec import FIELDS, UNet2Config, compatible_sizes

any_configs = st.builds(UNet2Config, **{name: st.integers(0, 7) for name in FIELDS})
"""Twelve numbers from 0 to 7: hardly ever well-formed and compatible with anything."""


@st.composite
def fitting_configs(draw, max_kernel=5, max_stride=3, max_channels=4):
    """Well-formed configs that fit sizes without end."""
    conv, head = (draw(st.integers(0, (max_kernel - 1) // 2)) for _ in range(2))
    pool_kernel = draw(st.integers(1, max_kernel))
    stride = draw(st.integers(1, max_stride))
    up_padding = draw(st.integers(0, 2))
    return UNet2Config(
        pool_kernel=pool_kernel,
        pool_stride=stride,
        conv_kernel=2 * conv + 1,
        conv_padding=conv,
        up_kernel=pool_kernel + 2 * up_padding + draw(st.integers(0, stride - 1)),
        up_stride=stride,
        up_padding=up_padding,
        head_kernel=2 * head + 1,
        head_padding=head,
        base_channels=draw(st.integers(1, max_channels)),
    )


@st.composite
def nearly_fitting_configs(draw):
    """A fitting config with up to two numbers changed: on the edge between fitting some sizes, few, and none."""
    cfg = {name: getattr(draw(fitting_configs(max_kernel=7, max_stride=7)), name) for name in FIELDS}
    changed = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=2))
    return UNet2Config(**cfg | {name: draw(st.integers(0, 7)) for name in changed})


@st.composite
def fitting_sizes(draw, cfg, max_index=6):
    """A size of the compatible set of ``cfg``."""
    fit = compatible_sizes(cfg)
    return fit.minimum + draw(st.integers(0, max_index)) * fit.period


configs = nearly_fitting_configs() | any_configs
