"""A Hypothesis strategy for networks along one axis: encoder-decoders of every kind of step."""

from hypothesis import strategies as st

from wellshaped.spec import AxisNetwork, Join, Keep, Resize, Save, SpaceToDepth, Transposed, Window

small = st.integers(0, 3)
windows = st.builds(
    Window,
    st.integers(1, 5),
    st.sampled_from([1, 2, 2, 3]),
    small,
    small,
    st.sampled_from([1, 1, 2]),
    st.sampled_from(["floor", "floor", "ceil", "same"]),
)
transposed = st.builds(Transposed, st.integers(1, 5), st.sampled_from([1, 2, 2, 3]), small, small, st.just(1), small)
ups = st.sampled_from([Transposed(2, 2), Resize(2), Transposed(4, 2, 1, 1), Transposed(3, 2, 1, 1, 1, 1), Resize(3)])
downs = st.sampled_from(
    [Window(2, 2), Window(3, 2, 1, 1), Window(2, 2, rounding="ceil"), Window(3, 3), SpaceToDepth(2)]
)
convs = st.sampled_from([(), (Window(3, 1, 1, 1), Keep()), (Window(3),), (Window(3, rounding="same"), Keep())])
joins = st.sampled_from(["exact", "exact", "exact", "crop", "even crop", "pad"])


@st.composite
def networks(draw, max_levels=6, max_period=2000):
    """Up to six levels: a block, a skip and a step down; then back. About half fit infinitely many sizes.

    Shrinks toward one level of plain halving and doubling, joined exactly.
    """
    levels = draw(st.integers(1, max_levels))
    wild = st.booleans() if draw(st.booleans()) else st.just(False)
    encoder, decoder = [], []
    for i in range(levels):
        down = draw(windows if draw(wild) else downs)
        up = draw(transposed if draw(wild) else ups)
        how = draw(joins)
        encoder += [*draw(convs), Save(f"level{i}"), down]
        decoder = [up, *([Join(f"level{i}", how)] if draw(st.integers(0, 4)) else []), *draw(convs), *decoder]
    return AxisNetwork((*encoder, *draw(convs), *decoder), returns_its_size=draw(st.booleans()))
