"""Progressions, and the sets of sizes that are made of them: their laws, by brute force."""

from itertools import islice

import pytest
from hanging import soon
from hypothesis import example, given
from hypothesis import strategies as st

from wellshaped.spec import Progression, SizeSet, UsageError, WellshapedError

NUMBERS = range(1000)

progressions = st.builds(Progression, st.integers(0, 30), st.integers(0, 12), st.none() | st.integers(0, 20))


@st.composite
def size_sets(draw):
    """Sets from up to five runs of the remainders of one step, as solving gives: they share no member."""
    step = draw(st.integers(1, 12))
    remainders = draw(st.lists(st.integers(0, step - 1), max_size=5, unique=True))
    begin = st.integers(0, 4).map(lambda turn: turn * step)
    return SizeSet(Progression(r + draw(begin), step, draw(st.none() | st.integers(0, 6))) for r in remainders)


unions = st.lists(progressions, max_size=5)


def members(sizes):
    return {n for n in NUMBERS if n in sizes}


@given(progressions, progressions)
def test_an_intersection_of_progressions_has_the_shared_members(a, b):
    assert members(a & b) == members(a) & members(b)


@given(progressions, progressions)
def test_progressions_are_equal_iff_their_members_are(a, b):
    assert (a == b) == (members(a) == members(b))


@given(unions)
@example([Progression(2, 1, 1), Progression(2, 1, 1), Progression(5, 1, 1)])
@example([Progression(0, 4, 20), Progression(2, 4, 20), Progression(1, 2, None)])
@example([Progression(0, 2, None), Progression(1, 6, 7), Progression(4, 3, None)])
def test_a_set_is_the_union_of_its_progressions_and_its_parts_share_no_member(parts):
    sizes = SizeSet(parts)
    inside = set().union(*map(members, parts))
    assert members(sizes) == inside
    assert sum(len(members(part)) for part in (*sizes.head, *sizes.tail)) == len(inside)
    assert list(islice(sizes, 40)) == sorted(inside)[:40]


@given(unions)
@example([Progression(i, 16, None) for i in range(16)] + [Progression(12, 16, 3), Progression(13, 1, 1)])
def test_a_set_made_from_the_parts_of_a_set_has_the_same_parts(parts):
    sizes = SizeSet(parts)
    again = SizeSet((*sizes.head, *sizes.tail))
    assert again == sizes
    assert (again.head, again.tail) == (sizes.head, sizes.tail)


sets = size_sets() | st.builds(SizeSet, unions)


@given(sets, sets)
def test_an_intersection_has_the_shared_members(a, b):
    assert members(a & b) == members(a) & members(b)


@given(sets, sets)
@example(SizeSet([Progression(2, 2, None)]), SizeSet([Progression(2, 2, 1), Progression(4, 2, None)]))
@example(SizeSet([Progression(0, 1, None)]), SizeSet([Progression(1, 2, None), Progression(0, 2, None)]))
@example(SizeSet([Progression(0, 2, 4)]), SizeSet([Progression(0, 4, 2), Progression(2, 4, 2)]))
@example(SizeSet([Progression(2, 2, 3)]), SizeSet([Progression(2, 1, 1), Progression(4, 1, 1), Progression(6, 1, 1)]))
@example(SizeSet([Progression(2, 1, 1), Progression(2, 1, 1)]), SizeSet([Progression(2, 1, 1)]))
def test_sets_are_equal_iff_their_members_are(a, b):
    assert (a == b) == (members(a) == members(b))
    assert a != b or hash(a) == hash(b)


@given(sets, st.integers(0, 300))
def test_the_nearest_members_are_the_nearest(sizes, n):
    inside = members(sizes)
    assert sizes.below(n) == max((m for m in inside if m <= n), default=None)
    assert sizes.above(n) == min((m for m in inside if m >= n), default=None)


@given(sets | st.builds(lambda a, b: a & b, sets, sets))
def test_iteration_is_in_order_and_ends_are_ends(sizes):
    found = list(islice(sizes, 5))
    assert found == sorted(members(sizes))[:5]
    assert sizes.minimum == (found[0] if found else None)
    assert bool(sizes) == bool(found)
    if sizes.is_finite:
        inside = members(sizes)
        assert sizes.maximum == max(inside, default=None)
        assert sizes.count == len(inside)


@given(sets)
def test_the_period_and_the_start_are_right_and_as_small_as_can_be(sizes):
    inside = members(sizes)
    if sizes.is_finite:
        assert sizes.start == max(inside, default=-1) + 1
        return
    remainders = [n % sizes.period in sizes.residues for n in NUMBERS]
    assert [n in inside for n in NUMBERS[sizes.start :]] == remainders[sizes.start :]
    assert sizes.start == 0 or (sizes.start - 1 in inside) != remainders[sizes.start - 1]
    shorter = [p for p in range(1, sizes.period) if sizes.period % p == 0]
    late = range(sizes.start + 100, sizes.start + 300)
    assert all(any((n in sizes) != (n + p in sizes) for n in late) for p in shorter)


@pytest.mark.parametrize("stranger", ["2", 2.0, True, None, -2])
def test_what_is_not_natural_is_in_no_set(stranger):
    assert stranger not in SizeSet([Progression(0, 1, None)])
    assert stranger not in Progression(0, 1, None)


def test_the_nearest_member_to_what_is_not_natural_is_rejected():
    with pytest.raises(UsageError, match="n=-1"):
        SizeSet([Progression(2, 2, None)]).below(-1)


def test_huge_progressions_are_handled_without_counting():
    big = 10**30
    sizes = SizeSet([Progression(1, big, None), Progression(5, big - 1, 4)])
    assert sizes.above(big) == big + 1
    assert (sizes & sizes) == sizes
    assert sizes.count is None


def residues_of(period, number):
    """A set of this period with so many remainders, without a pattern."""
    return SizeSet(Progression(pow(r, 3, period), period, None) for r in range(1, number + 1))


@pytest.mark.parametrize(("ours", "theirs"), [(1, 1), (150, 200), (1, 19_000)])
def test_sets_of_coprime_periods_meet_by_the_chinese_remainder_theorem(ours, theirs):
    a, b = residues_of(20_000, ours), residues_of(19_999, theirs)
    with soon():
        both = a & b
    assert both.period == 20_000 * 19_999
    assert len(both.residues) == len(a.residues) * len(b.residues)
    assert all(n in a and n in b for n in islice(both, 100))


TOO_LARGE = {
    "an intersection": lambda: residues_of(20_000, 10_000) & residues_of(19_999, 10_000),
    "steps that need a long period": lambda: SizeSet([Progression(0, 10**9, None), Progression(0, 2, None)]),
    "long runs": lambda: SizeSet([Progression(0, 10**6, 10**30), Progression(1, 10**6 + 1, 10**30)]),
    "many steps": lambda: SizeSet(Progression(0, step, 2) for step in range(1, 1000)),
    "many members": lambda: SizeSet(Progression(3 * n, 1, 1) for n in range(60_000)),
}


@pytest.mark.parametrize("make", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_set_of_too_many_parts_is_rejected_at_once(make):
    with soon(), pytest.raises(WellshapedError, match=r"and at most (50000|500) are possible\.\n  fix: "):
        make()


def test_overlapping_runs_of_a_trillion_members_are_counted_at_once():
    sizes = SizeSet([Progression(0, 4, 10**12), Progression(2, 4, 10**12), Progression(1, 6, 10**12)])
    assert sizes.count == 3 * 10**12
    assert SizeSet([*sizes.head, Progression(0, 2, 10**12)]).count == 3 * 10**12
    assert SizeSet([*sizes.head, Progression(0, 3, 10**12)]) != sizes
    assert sizes.maximum in sizes


def test_what_is_not_a_progression_is_rejected_by_its_place():
    with pytest.raises(UsageError, match="part 1 is 4, and must be a Progression"):
        SizeSet([Progression(2, 2, None), 4])


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([(2, 2, None)], "n ≡ 0 (mod 2), n ≥ 2"),
        ([(1, 1, None)], "n ≥ 1"),
        ([], "no size"),
        ([(3, 2, 1)], "{3}"),
        ([(2, 2, 8)], "{2, 4, 6, 8, 10, 12, 14, 16}"),
        ([(2, 2, 9)], "{2, 4, …, 18}"),
        ([(31, 32, None), (32, 32, None)], "n ≡ 0 or 31 (mod 32), n ≥ 31"),
        ([(4, 8, None), (5, 8, None), (6, 8, None)], "n ≡ 4, 5 or 6 (mod 8), n ≥ 4"),
        ([(0, 2, 9), (100, 3, None)], "{0, 2, …, 16} or n ≡ 1 (mod 3), n ≥ 100"),
        ([(1, 1, 60), (62, 1, 5), (68, 1, None)], "{1, 2, …, 60, 62, 63, …, 66} or n ≥ 68"),
        ([(1, 1, 8), (12, 2, 9)], "{1, 2, 3, 4, 5, 6, …, 28}"),
        ([(1, 3, None), (20, 3, None)], "{1, 4, 7, 10, 13, 16} or n ≡ 1 or 2 (mod 3), n ≥ 19"),
    ],
)
def test_a_set_says_what_it_is(parts, text):
    assert str(SizeSet(Progression(*part) for part in parts)) == text


def test_a_set_is_plain_data_for_json():
    data = {"sizes": "n ≡ 0 (mod 2), n ≥ 2", "minimum": 2, "maximum": None, "period": 2, "residues": [0]}
    assert SizeSet([Progression(2, 2, None)]).to_dict() == data
