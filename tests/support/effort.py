"""How far Hypothesis looks where one example takes seconds."""

from hypothesis import settings

_BY_DEFAULT = settings.get_profile("default").max_examples


def examples(number):
    """Settings of ``number`` examples by default, and of as many more as the profile in force has than the default."""
    return settings(max_examples=max(1, number * settings().max_examples // _BY_DEFAULT))
