"""Train on volumes that are split over the devices along their depth, for volumes too large for one of them.

``python volume.py``. Without several devices, simulate them:
``XLA_FLAGS=--xla_force_host_platform_device_count=4 python volume.py``.

The volumes are made up: bright balls in noise, which the network has to find. Each device holds some slices of the
volume, of its labels, and of every value inside the network. XLA exchanges the slices that a convolution reads of a
neighbour. The parameters are on every device.
"""

import cyclopts
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Float

from wellshaped.models import UNet
from wellshaped.spec import UNetConfig, WellshapedError, check

CONFIG = UNetConfig(axes=3, levels=2, base_channels=4, norm="group", groups=2)


def balls(
    rng: np.random.Generator, sizes: tuple[int, ...]
) -> tuple[Float[np.ndarray, "1 D H W"], Bool[np.ndarray, "1 D H W"]]:
    """Return a noisy volume with six balls, and where they are."""
    places = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1)
    inside = np.zeros(sizes, bool)
    for centre, radius in zip(rng.uniform(0, sizes, (6, 3)), rng.uniform(2, 5, 6), strict=True):
        inside |= ((places - centre) ** 2).sum(-1) < radius**2
    return (inside + rng.normal(0, 0.7, sizes)).astype(np.float32)[None], inside[None]


@nnx.jit
def train_step(model: UNet, optimizer: nnx.Optimizer[UNet], volume: Array, mask: Array) -> Float[Array, ""]:
    """Change the model by one step of the optimizer. Return the loss before the step."""

    def loss(model: UNet) -> Float[Array, ""]:
        return jnp.mean(optax.sigmoid_binary_cross_entropy(model(volume), mask))

    found: Array
    found, gradient = nnx.value_and_grad(loss)(model)
    optimizer.update(model, gradient)
    return found


def main(*, depth: int = 32, edge: int = 32, steps: int = 20) -> None:
    """Train for some steps on volumes of DEPTH slices of EDGE × EDGE voxels, and print the losses."""
    sizes = (depth, edge, edge)
    mesh = jax.make_mesh((jax.device_count(),), ("depth",), axis_types=(AxisType.Auto,))
    check(CONFIG, (1, *sizes), mesh=mesh.shape).raise_if_failed()
    jax.set_mesh(mesh)
    split = NamedSharding(mesh, P(None, "depth"))  # channels, depth, height, width
    model = UNet(CONFIG, 1, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    print(f"{depth}×{edge}×{edge} voxels, {depth // mesh.size} slices on each of {mesh.size} devices")
    for step in range(1, steps + 1):
        volume, mask = (jax.device_put(part, split) for part in balls(np.random.default_rng(step), sizes))
        loss = train_step(model, optimizer, volume, mask)
        if step == 1 or step % 5 == 0:
            print(f"step {step}: loss {float(loss):.6f}", flush=True)


if __name__ == "__main__":
    try:
        cyclopts.run(main)
    except WellshapedError as error:
        raise SystemExit(str(error)) from None
