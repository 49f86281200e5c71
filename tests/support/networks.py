"""The public strategies for networks along one axis, some for their steps, and a network that is too hard."""

from wellshaped.proofs_of_shape import strategies
from wellshaped.proofs_of_shape.strategies import graphs, networks
from wellshaped.spec import CropTo, Network, Node, ResizeTo, TransposedWindow, Window

__all__ = ["HARD", "graphs", "networks", "sized", "transposed", "windows"]

windows, transposed, sized = strategies.windows(), strategies.transposed_windows(), strategies.sized_steps()


def _hard():
    """Nodes whose sizes leave even remainders by eight primes: the remainders by their product are too many."""
    now = "x"
    for p in (3, 5, 7, 11, 13, 17, 19, 23):
        yield Node(f"pooled by {p}", Window(p, p), now)
        yield Node(f"up by {p}", TransposedWindow(p, p))
        yield Node(f"cropped to {p}", CropTo(odd="never"), ("x", f"up by {p}"))
        yield Node(now := f"resized to {p}", ResizeTo(), (f"cropped to {p}", "x"))


HARD = Network({"x": 1}, _hard(), axes=1)
"""A network whose sizes are not found within the limit on the work."""
