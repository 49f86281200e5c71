"""The rules of a description along one axis: its sizes, the output's sizes, and its tiles (SPEC section 9)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import islice
from math import ceil, gcd, lcm

from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.written import in_words, written_number
from ...spec.network.network import Network
from ...spec.network.reaching import period_of, total_stride
from ...spec.network.running import sizes_along
from ...spec.network.scale import slopes_of
from ...spec.network.tiling import NotTiledError
from .description import InputAxis, OutputAxis
from .findings import Found
from .grid import MAX_CLASSES, grid_of, leaves_core, margins, starts_apart
from .pairing import Pairs
from .right import NO_GRID, output_axis

Margins = Mapping[int, tuple[int, ...]]
"""The margins of each output, by the size of a tile."""

MAX_SIZES = 100_000
"""The most sizes of a description that are looked at along an axis."""


@dataclass(frozen=True)
class Judge:
    """Judges a description along one ``axis`` of the network.

    ``fitting`` has the sizes that fit, and ``right`` is the right range of them. Results go to ``found``.
    """

    graph: Network
    axis: int
    fitting: SizeSet
    pairs: Pairs
    right: InputAxis
    generation: str
    found: Found

    def judge(self) -> None:
        """Judge every rule, root causes first, and add what is wrong and the right numbers."""
        before = len(self.found.faults)
        for tensor in self.pairs.inputs.values():
            self._judge_sizes(f"input {tensor.name}", tensor.axes[self.axis])
        sized = self.declared if len(self.found.faults) == before else self._moved()
        for name in self.graph.outputs:
            self._judge_output(name, sized)
        final, halos = self._judge_tiles(sized)
        if len(self.found.faults) > before:
            self._add_right(final, halos)
        else:
            self._note_larger_step()

    @cached_property
    def declared(self) -> InputAxis:
        """The sizes of the network's image, as the description has them."""
        return self.pairs.inputs[self.graph.image.name].axes[self.axis]

    @cached_property
    def stride(self) -> int:
        """The total stride: tiles begin at its multiples."""
        return total_stride(self.graph, self.axis)

    @cached_property
    def period(self) -> int:
        """A period of the sizes that fit, and of the sizes of all nodes."""
        return lcm(self.fitting.period or 1, self.stride, period_of(self.graph, self.axis))

    @property
    def _at_input(self) -> str:
        return f"input {self.pairs.inputs[self.graph.image.name].name}"

    def _at(self, name: str) -> str:
        return f"output {self.pairs.outputs[name].name}"

    def _out(self, name: str) -> OutputAxis:
        return self.pairs.outputs[name].axes[self.axis]

    def _sizes(self, sized: InputAxis) -> Iterator[int]:
        """The sizes of a range up to where they repeat: no rule can break only later."""
        turns = max(self.fitting.start - sized.min, 0) // (sized.step or 1) + self.period // gcd(
            sized.step, self.period
        )
        return islice(sized.sizes(), min(turns + 2, MAX_SIZES))

    def _judge_sizes(self, at: str, sized: InputAxis) -> None:
        """Report the smallest size of an input that does not fit."""
        bad = next((n for n in self._sizes(sized) if n not in self.fitting), None)
        if bad is None:
            return
        near = [written_number(n) for n in (self.fitting.below(bad), self.fitting.above(bad)) if n is not None]
        fits = f"the sizes that fit are {self.fitting}" + (f", the nearest {in_words(near)}" if near else "")
        given = written_number(bad)
        if not sized.step:
            self.found.fault("size", at, sized.axis, f"size {given} does not fit: {fits}")
        elif bad == sized.min:
            self.found.fault("min", at, sized.axis, f"min {given} does not fit: {fits}")
        else:
            step = written_number(sized.step)
            sums = f"{written_number(sized.min)} + {(bad - sized.min) // sized.step} × {step}"
            says = f"step {step} allows {given} = {sums}, which does not fit: {fits}"
            self.found.fault("step", at, sized.axis, says)

    def _moved(self) -> InputAxis:
        """A right range for the description: the right step, from the first right size that is not smaller."""
        declared, right = self.declared, self.right
        if not right.step:
            return replace(right, axis=declared.axis)
        least = right.min + max(-(-(declared.min - right.min) // right.step), 0) * right.step
        return InputAxis(declared.axis, least, right.step if declared.step else 0)

    def _judge_output(self, name: str, sized: InputAxis) -> None:
        """Report an output that depends on another axis, and the smallest size for which its size is wrong."""
        out, slope = self._out(name), slopes_of(self.graph, self.axis)[name]
        axes = [(of.name, of.axes[self.axis].axis) for of in self.pairs.inputs.values()]
        if out.scale and slope and out.of not in axes:
            says = f"its size refers to {'.'.join(out.of)}, and the network's depends on {'.'.join(axes[0])}"
            self.found.fault("axes", self._at(name), out.axis, says)
        tested = [*islice(self._sizes(sized), 1024), *(sized.min + sized.step * 2**turn for turn in range(10, 30))]
        made = {n: sizes_along(self.graph, n, self.axis)[name] for n in tested if n in self.fitting}
        bad = next((n for n, size in made.items() if out.size(n) != size), None)
        if bad is None:
            return
        wrong = f"an input of {written_number(bad)} gives {written_number(made[bad])}, and not "
        wrong += written_number(out.size(bad))
        right = [self._right_output(name, n, 0).offset for n in made]
        if not out.scale and (len(made) == 1 or not slope):
            rule, says = "size", f"{wrong}"
        elif not out.scale:
            rule, says = "scale", f"{wrong}: the size is fixed, and must grow with the input's by {slope}"
        elif out.scale != slope:
            rule, says = "scale", f"{wrong}: {self._called} is {out.scale}, and must be {slope}"
        elif len(set(right)) > 1:
            rule, says = "offset", f"{wrong}: no offset is right for all sizes of the input"
        else:
            must = self._offset(right[0])
            rule, says = "offset", f"{wrong}: the offset is {self._offset(out.offset)}, and must be {must}"
        self.found.fault(rule, self._at(name), out.axis, says)

    @property
    def _called(self) -> str:
        return "the scale" if self.generation == "0.4" else "the input's scale over the output's"

    def _offset(self, offset: Fraction) -> str:
        """An offset as the description writes it: generation 0.4 has half of it."""
        return str(offset / 2 if self.generation == "0.4" else offset)

    def _right_output(self, name: str, n: int, halo: int) -> OutputAxis:
        image = self.pairs.inputs[self.graph.image.name]
        out = self._out(name)
        return output_axis(self.graph, self.axis, name, n, out.axis, (image.name, self.declared.axis), halo)

    def _judge_tiles(self, sized: InputAxis) -> tuple[InputAxis, list[int]]:
        """Report halos and sizes with which tiles are not exact. Return right sizes, and the right halo of each output.

        What is right already stays as it is.
        """
        halos = [self._out(name).halo for name in self.graph.outputs]
        tiled = self._margins(sized)
        if not tiled or not self._has_grid:
            return sized, halos
        faults = list(self._tile_faults(tiled, halos))
        for rule, name, says in faults:
            self.found.fault(rule, self._at(name), self._out(name).axis, says)
        final = sized
        if faults:
            final, halos = self._right_tiles(sized, tiled)
        with_core = self._with_core(final, halos)
        if with_core != final and not faults:
            rule = "min" if sized.step else "size"
            says = f"{rule} {written_number(sized.min)} leaves nothing exact of a tile's result without the halo"
            self.found.fault(rule, self._at_input, sized.axis, f"{says}, and must be at least {with_core.min}")
        if not faults:
            self._note_larger_halo(tiled)
        return with_core, halos

    def _margins(self, sized: InputAxis) -> dict[int, tuple[int, ...]]:
        """The margins of each output, for a size of each class. Empty, with a warning, if no halo makes tiles exact."""
        found: dict[int, tuple[int, ...]] = {}
        for n in islice(self._sizes(sized), MAX_CLASSES):
            try:
                found[n] = margins(self.graph, self.axis, n, self.fitting)
            except NotTiledError as error:
                self.found.note("tiles", self._at_input, sized.axis, f"{error}: no halo makes tiles exact")
                return {}
        return found

    def _tile_faults(self, tiled: Margins, halos: Sequence[int]) -> Iterator[tuple[str, str, str]]:
        """Yield what is wrong with the halo of each output for tiles of these sizes: the rule, the output and why."""
        for i, name in enumerate(self.graph.outputs):
            needed = max(of[i] for of in tiled.values())
            if halos[i] < needed:
                says = (
                    f"halo {written_number(halos[i])} leaves seams: up to {written_number(needed)} positions at each "
                )
                yield "halo", name, f"{says}side of a tile's result differ from the whole image's"
            # Another halo can move tiles, but it can't help if their sizes differ by other numbers than the stride.
            helps = halos[i] < needed and len({n % self.stride for n in tiled}) == 1
            if not helps and slopes_of(self.graph, self.axis)[name]:
                says = next(filter(None, (self._starts(name, n, halos[i]) for n in tiled)), "")
                if says:
                    yield "tile_starts", name, says

    @cached_property
    def _has_grid(self) -> bool:
        """Whether tiles of the right sizes begin where they may."""
        if not self.right.step or grid_of(self.graph, self.axis, self.right.min, self.fitting) is None:
            self.found.note("tiles", self._at_input, self.declared.axis, NO_GRID)
            return False
        return True

    def _starts(self, name: str, n: int, halo: int) -> str:
        """Why tiles of size ``n`` begin where they may not, or ``""``."""
        apart = starts_apart(self.graph, self.axis, name, n, halo)
        must = f"and must begin at multiples of {written_number(self.stride)}"
        if apart % self.stride:
            return f"tiles of {written_number(n)} follow each other every {apart} positions, {must}"
        grid = grid_of(self.graph, self.axis, n, self.fitting)
        if grid and grid.on_image and (n - apart) % (2 * self.stride):
            return f"the first tile begins {(n - apart) / 2} positions before the image, {must}"
        return ""

    def _right_tiles(self, sized: InputAxis, tiled: Margins) -> tuple[InputAxis, list[int]]:
        """The sizes of the description with the right halos, if these make tiles exact, else right sizes."""
        for of in (sized, self._moved()):
            margins_of = tiled if of == sized else self._margins(of)
            grid = grid_of(self.graph, self.axis, of.min, self.fitting)
            needed = [max(each) for each in zip(*margins_of.values(), strict=True)]
            halos = list(grid.halos) if grid else needed
            if not list(self._tile_faults(margins_of, halos)):
                break
        return of, halos

    def _with_core(self, of: InputAxis, halos: Sequence[int]) -> InputAxis:
        """The sizes from the first one on for which a tile's result without the halo is exact and not empty."""
        step, sizes = of.step or self.period, sizes_along(self.graph, of.min, self.axis)
        for name, halo in zip(self.graph.outputs, halos, strict=True):  # at once, because a halo can be huge
            if slope := slopes_of(self.graph, self.axis)[name]:
                lacking = ceil((2 * halo + 1 - sizes[name]) / slope)
                of = replace(of, min=max(of.min, of.min + -(-lacking // step) * step))
        while not leaves_core(self.graph, self.axis, of.min, halos, self.fitting):
            of = replace(of, min=of.min + step)
        return of

    def _note_larger_halo(self, tiled: Margins) -> None:
        grid = grid_of(self.graph, self.axis, next(iter(tiled)), self.fitting)
        for name, least in zip(self.graph.outputs, grid.halos if grid else (), strict=False):
            out = self._out(name)
            if out.halo > least:
                says = f"halo {written_number(out.halo)} is larger than needed: {least} is enough"
                self.found.note("halo", self._at(name), out.axis, says)

    def _note_larger_step(self) -> None:
        """Warn of a step that leaves out sizes for which all numbers of the description are right."""
        sized = self.declared
        outputs = [(name, self._out(name)) for name in self.graph.outputs]

        def right(n: int) -> bool:
            sizes = sizes_along(self.graph, n, self.axis)
            return n in self.fitting and all(out.size(n) == sizes[name] for name, out in outputs)

        tiled = self._tiled_by_design
        for step in (step for step in range(1, min(sized.step, self.period + 1)) if self.period % step == 0):
            if step % self.stride and tiled:
                continue
            if all(right(n) for n in range(sized.min, sized.min + self.period + step, step)):
                says = f"step {written_number(sized.step)} is larger than needed: {step} is enough"
                self.found.note("step", self._at_input, sized.axis, says)
                return

    @cached_property
    def _tiled_by_design(self) -> bool:
        """Whether the network can be tiled, so that sizes must agree with the total stride."""
        try:
            return bool(self.right.step) and bool(margins(self.graph, self.axis, self.right.min, self.fitting))
        except NotTiledError:
            return False

    def _add_right(self, final: InputAxis, halos: Sequence[int]) -> None:
        """Add the right numbers of the axis where they differ from the description's."""
        for tensor in self.pairs.inputs.values():
            axis = tensor.axes[self.axis]
            if replace(final, axis=axis.axis) != axis:
                self.found.right.append((f"input {tensor.name}", axis.axis, str(final)))
        for name, halo in zip(self.graph.outputs, halos, strict=True):
            out, right = self._out(name), self._right_output(name, final.min, halo)
            if not out.scale and not final.step:
                right = replace(right, scale=Fraction(0), offset=Fraction(right.size(final.min)), of=out.of)
            if says := ", ".join(self._changes(out, right)):
                self.found.right.append((self._at(name), out.axis, says))

    def _changes(self, out: OutputAxis, right: OutputAxis) -> Iterator[str]:
        if not right.scale and (out.scale, out.offset) != (right.scale, right.offset):
            yield f"size {right.offset}"
        elif right.scale:
            if out.of != right.of:
                yield f"a size that refers to {'.'.join(right.of)}"
            if out.scale != right.scale:
                yield f"scale {right.scale}" + (" (the input's scale over its own)" if self.generation == "0.5" else "")
            if (out.scale, out.offset) != (right.scale, right.offset):
                yield f"offset {self._offset(right.offset)}"
        if out.halo != right.halo:
            yield f"halo {written_number(right.halo)}"
