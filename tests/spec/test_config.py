"""What may be written in a config, and when it is well-formed."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from configs import any_configs
from hypothesis import given

from wellshaped.spec import (
    FIELDS,
    WELL_FORMED,
    ConfigError,
    UNet2Config,
    UNetConfig,
    UsageError,
    check,
    check_config,
    check_unet_config,
    graph_of,
)

NAMES = "poolK_ne0 poolStride_ne0 convK_ne0 upK_ne0 upStride_ne0 headK_ne0 baseC_pos convStride_ne0 headStride_ne0"


def test_the_default_config_is_well_formed():
    assert check_config(UNet2Config()).ok


def test_the_conditions_are_the_sources_seven_and_the_two_added():
    assert " ".join(condition.name for condition in WELL_FORMED) == NAMES


@pytest.mark.parametrize("condition", WELL_FORMED, ids=lambda condition: condition.name)
def test_each_condition_fails_alone_for_a_zero_in_its_field(condition):
    report = check_config(replace(UNet2Config(), **{condition.field: 0}))
    assert [failure.name for failure in report.failures] == [condition.name]
    assert report.failures[0].says == f"{condition.field}=0 must be at least 1"
    assert report.fixes == (f"{condition.field}={FIELDS[condition.field].default}",)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (-1, "negative"),
        (True, "a bool"),
        (2.0, "a float"),
        ("2", "a str"),
        (None, "a NoneType"),
        (np.bool_(True), "a bool"),
        (np.float64(2), "a float64"),
        (np.int64(-1), "negative"),
    ],
    ids=repr,
)
def test_what_is_not_natural_is_refused_in_every_field(name, bad, fault):
    with pytest.raises(UsageError) as error:
        UNet2Config(**{name: bad})
    lines = str(error.value).splitlines()
    assert lines[0] == f"{name}={bad!r} can't be used."
    assert lines[1] == f"  natural: not a natural number: {name}={bad!r} is {fault}, and must be an integer ≥ 0."
    assert lines[2].startswith(f"  fix: {name}=")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("good", [0, 10**30, np.int64(3), np.uint8(3)], ids=repr)
def test_every_natural_number_is_accepted_in_every_field_and_kept_as_an_int(name, good):
    value = getattr(UNet2Config(**{name: good}), name)
    assert value == good
    assert type(value) is int


@given(any_configs)
def test_the_text_of_a_config_gives_it_back(cfg):
    assert eval(repr(cfg), {"UNet2Config": UNet2Config}) == cfg


def test_a_config_cannot_be_changed_nor_given_by_position():
    with pytest.raises(FrozenInstanceError):
        UNet2Config().pool_kernel = 3
    with pytest.raises(TypeError):
        UNet2Config(3)


def test_violations_come_together():
    with pytest.raises(ConfigError) as error:
        check_config(UNet2Config(pool_stride=0, base_channels=0)).raise_if_failed()
    assert str(error.value) == (
        "UNet2Config(pool_stride=0, base_channels=0) is not well-formed.\n"
        "  poolStride_ne0, baseC_pos: "
        "pool_stride=0 must be at least 1; base_channels=0 must be at least 1.\n"
        "  fix: pool_stride=2, base_channels=64"
    )


def test_what_is_not_a_config_is_rejected_by_its_type():
    with pytest.raises(UsageError, match="it is a dict, and must be a UNet2Config"):
        check_config({"pool_kernel": 2})


def test_a_config_of_the_other_kind_is_rejected_with_the_function_that_checks_it():
    for call, other in ((check_config, UNetConfig()), (check_unet_config, UNet2Config())):
        with pytest.raises(UsageError) as error:
            call(other)
        (fix,) = error.value.report.fixes
        assert eval(fix, {"check_config": check_config, "check_unet_config": check_unet_config, "cfg": other}).ok


@pytest.mark.parametrize("network", [graph_of("milesial"), "milesial"], ids=["graph", "preset"])
def test_a_graph_or_a_preset_is_rejected_with_the_function_that_judges_it(network):
    for call in (check_config, check_unet_config):
        with pytest.raises(UsageError) as error:
            call(network)
        (fix,) = error.value.report.fixes
        assert eval(fix, {"check": check, "network": network, "shape": (1, 64, 64)}).ok
