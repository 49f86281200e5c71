"""Every kind of JAX network as one function of abstract parameters and images. No parameter gets memory."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
from jax import export

from ...spec.messages.report import UsageError
from ..sizes.reading import require_model
from .jax_closures import arrays_in


@dataclass(frozen=True, slots=True)
class AbstractNetwork:
    """A network as ``apply(parameters, *images)``, with the shapes and dtypes of its parameters.

    ``parameters(*images)`` returns them for images of one shape: a Linen module and a Haiku transform choose their
    parameters by their first images.
    """

    kind: str
    apply: Callable[..., Any]
    parameters: Callable[..., Any]


def abstract(tree: Any) -> Any:
    """The tree with the shape and dtype of every array in the place of the array."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype) if _is_array(x) else x, tree)


def as_network(model: Any, arguments: Mapping[str, Any]) -> AbstractNetwork:
    """The network of a Flax, Equinox, Haiku or Keras model, or of a function of images.

    ``arguments`` are further arguments of the call, by name. Raises :class:`UsageError` if the model can't be called.
    """
    for read in _READERS:
        network = read(model, arguments)
        if network is not None:
            return network
    kinds = "a function, a Flax, Equinox or Keras model, or a Haiku transform"
    require_model(model, kinds, "read_jax(lambda x: …, shape)")
    return _function(model, arguments)


def paths_of(model: Any, kind: str, paths: Sequence[Any]) -> list[tuple[str | int, ...]]:
    """The path in the code of each parameter, by its path among the parameters of the :class:`AbstractNetwork`."""
    if kind == "keras":
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        return [tuple(variable.path.split("/")) for variable in variables]
    if kind in ("jax", "equinox"):
        own = [path for path, _ in jax.tree_util.tree_flatten_with_path(_without_jit(model))[0]]
        paths = [own[path[0].idx] for path in paths]
    named = [tuple(part for part in map(_written, path) if part != "") for path in paths]
    if kind == "flax.linen":
        named = [path[1:] for path in named]  # the collection
    if kind == "haiku":
        # The parameters and the state are two dicts.
        named = [tuple(part for key in path if key not in (0, 1) for part in _of_haiku(key)) for path in named]
    return named


def paths_in_closure(model: Any, kind: str) -> dict[int, tuple[str | int, ...]]:
    """The paths of the arrays in the closure of a function, by the ids of the arrays."""
    if kind != "jax":
        return {}
    paths: dict[int, tuple[str | int, ...]] = {}
    for name, keys, array in arrays_in(model):
        path = tuple(part for part in map(_written, keys) if part != "")
        path = path[1:] if path[:1] in _COLLECTIONS else path
        # A parameter of the model itself is a layer of its own.
        paths[id(array)] = (name, *path, *("",) * (len(path) == 1)) if name else path
    return paths


_COLLECTIONS = (("params",), ("batch_stats",))
"""How the paths of variables of Flax Linen begin."""


def _written(key: Any) -> str | int:
    """A key of a path: the name of an attribute, a key of a dict, or a number."""
    if isinstance(key, jax.tree_util.GetAttrKey):
        return "" if key.name == "value" else key.name
    found = getattr(key, "key", getattr(key, "idx", ""))
    return found if isinstance(found, int) else str(found)


def _of_haiku(key: str | int) -> list[str | int]:
    # "~" is a constructor, and the others are parts of a batch norm.
    return [part for part in str(key).split("/") if part not in ("~", "mean_ema", "var_ema")]


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _flax_nnx(model: Any, arguments: Mapping[str, Any]) -> AbstractNetwork | None:
    nnx = sys.modules.get("flax.nnx")
    if nnx is None or not isinstance(model, nnx.Module):
        return None
    graph, state = nnx.split(model)
    state = abstract(state)
    return AbstractNetwork("flax.nnx", lambda of, *images: nnx.merge(graph, of)(*images, **arguments), lambda *_: state)


def _flax_linen(model: Any, arguments: Mapping[str, Any]) -> AbstractNetwork | None:
    linen = sys.modules.get("flax.linen")
    if linen is None or not isinstance(model, linen.Module):
        return None
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}

    def apply(variables: Any, *images: Any) -> Any:
        return model.apply(variables, *images, rngs={"dropout": keys["dropout"]}, mutable=True, **arguments)[0]

    def parameters(*images: Any) -> Any:
        return jax.eval_shape(lambda *of: model.init(keys, *of, **arguments), *images)

    return AbstractNetwork("flax.linen", apply, parameters)


def _haiku(model: Any, arguments: Mapping[str, Any]) -> AbstractNetwork | None:
    # hk.transform gives (init, apply), and so does a module of Stax: init(key, images), apply(parameters, …, images).
    init, apply = getattr(model, "init", None), getattr(model, "apply", None)
    if not (isinstance(model, tuple) and callable(init) and callable(apply)):
        return None
    with_state, key = "State" in type(model).__name__, jax.random.key(0)
    keys = () if _is_without_key(apply) else (key,)

    def call(parameters: Any, *images: Any) -> Any:
        given = parameters if with_state else (parameters,)
        result = apply(*given, *keys, *images, **arguments)
        return result[0] if with_state else result

    # A batch norm of Haiku gets its running statistics in training mode only.
    in_training = {name: True if value is False else value for name, value in arguments.items()}

    def parameters(*images: Any) -> Any:
        try:
            return jax.eval_shape(lambda *of: init(key, *of, **arguments), *images)
        except ValueError:
            if in_training == arguments:
                raise
        return jax.eval_shape(lambda *of: init(key, *of, **in_training), *images)

    return AbstractNetwork("haiku", call, parameters)


def _is_without_key(apply: Callable[..., Any]) -> bool:
    """Whether this is the ``apply`` of ``hk.without_apply_rng``, which takes no random key."""
    return "without_apply_rng" in getattr(apply, "__qualname__", "")


def _keras(model: Any, arguments: Mapping[str, Any]) -> AbstractNetwork | None:
    keras = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        return None
    if keras.backend.backend() != "jax":
        says = f"its backend is {keras.backend.backend()}, and must be jax"
        raise UsageError.of("the Keras model", "backend", "", says, "KERAS_BACKEND=jax")
    own = model.trainable_variables, model.non_trainable_variables
    given = [[variable.value for variable in of] for of in own]

    def call(variables: Any, *images: Any) -> Any:
        inputs = images[0] if len(images) == 1 else list(images)
        # ``stateless_call`` would not check the image against the input that the model was made for.
        values = [pair for of, to in zip(own, variables, strict=True) for pair in zip(of, to, strict=True)]
        with _keras_sees_sizes(), keras.StatelessScope(state_mapping=values):
            return model(inputs, **arguments)

    return AbstractNetwork("keras", call, lambda *_: abstract(given))


@contextmanager
def _keras_sees_sizes() -> Iterator[None]:
    """Let the layers of Keras compare symbolic sizes with those that they were made for. It takes them for unknown."""
    rules: Any = importlib.import_module("keras.src.layers.input_spec")
    backend = rules.backend

    class Backend:
        def __getattr__(self, name: str) -> Any:
            return getattr(backend, name)

        def standardize_shape(self, shape: Any) -> Any:
            return tuple(shape) if any(map(export.is_symbolic_dim, shape)) else backend.standardize_shape(shape)

    rules.backend = Backend()
    try:
        yield
    finally:
        rules.backend = backend


def _function(model: Any, arguments: Mapping[str, Any]) -> AbstractNetwork:
    # An Equinox module is a tree with its arrays as leaves; a function is a leaf.
    leaves, tree = jax.tree.flatten(_without_jit(model))
    arrays = [abstract(leaf) if _is_array(leaf) else None for leaf in leaves]

    def call(parameters: Sequence[Any], *images: Any) -> Any:
        whole = [leaf if array is None else of for leaf, array, of in zip(leaves, arrays, parameters, strict=True)]
        return jax.tree.unflatten(tree, whole)(*images, **arguments)

    kind = "equinox" if "equinox" in sys.modules and isinstance(model, sys.modules["equinox"].Module) else "jax"
    return AbstractNetwork(kind, call, lambda *_: arrays)


def _without_jit(model: Any) -> Any:
    """The model inside of ``equinox.filter_jit``, whose tree has no paths of parameters."""
    return model.__wrapped__ if type(model).__name__ == "_JitWrapper" else model


_READERS = (_flax_nnx, _flax_linen, _keras, _haiku)
