"""The presets, against published descriptions of the same networks and the parameter counts of their originals."""

import pickle
from dataclasses import fields
from functools import cache

import pytest

from wellshaped.spec import (
    PRESETS,
    Activation,
    Add,
    Concat,
    ConfigError,
    Conv,
    Input,
    MaxPool,
    Network,
    NetworkBuilder,
    Node,
    Norm,
    Progression,
    SizeSet,
    UNetConfig,
    UsageError,
    compatible_shapes,
    compatible_sizes,
    graph_of,
    parameter_shapes,
    presets,
    run_image,
    stages,
)
from wellshaped.spec.messages.choices import nearest_choice
from wellshaped.spec.network import parameter_count, run
from wellshaped.spec.network.fields import on_axis, sides_on

from ..field.architectures import ARCHITECTURES, graph

NESTS, DECODER_NESTS = ((2, 4), (2, 4), *[(3, 8)] * 2, *[(4, 8)] * 2), ((2, 4), (3, 4), (2, 6), (3, 8), (4, 8))
"""The widths of U²-Net's nests in tests/field."""

NARROW = {
    "smp_resnet34": ("smp_unet_resnet34", lambda: presets.smp_resnet34((8, 16, 32, 64), (32, 16, 8, 4, 2))),
    "monai_unet": ("monai_unet_res2", lambda: presets.monai_unet((4, 8, 16, 32, 64))),
    "monai_basicunet": ("monai_basicunet", lambda: presets.monai_basicunet((4, 4, 8, 16, 32, 4))),
    "unetplusplus": ("unetplusplus", lambda: presets.unetplusplus((4, 8, 16, 32, 64))),
    "unet3plus": ("unet3plus", lambda: presets.unet3plus((4, 8, 16, 32, 64))),
    "attention_unet": ("attention_unet", lambda: presets.attention_unet((4, 8, 16, 32, 64))),
    "u2net_rsu7": ("u2net_rsu7", lambda: presets.u2net_rsu7(middle=4, out_channels=8)),
    "u2net": ("u2net", lambda: presets.u2net(NESTS, DECODER_NESTS)),
    "pix2pix": ("pix2pix_unet256", lambda: presets.pix2pix(4)),
    "unet3d": ("unet3d_cicek2016", lambda: presets.unet3d(4)),
    "nnunet_3d_fullres": ("nnunet_plainconv_3d_fullres", lambda: presets.nnunet_3d_fullres((4, 8, 16, 32, 40, 40))),
    "nnunet_3d_resenc": ("nnunet_resenc_3d", lambda: presets.nnunet_3d_resenc((4, 8, 16, 32, 40, 40))),
    "ddpm": ("ddpm_cifar10", lambda: presets.ddpm((8, 16, 16, 16), groups=4)),
    "stable_diffusion_vae": ("autoencoder_kl", lambda: presets.stable_diffusion_vae((8, 16, 32, 32), groups=4)),
    "demucs": ("demucs_v2", lambda: presets.demucs(4)),
    "wave_unet": ("wave_unet", lambda: presets.wave_unet(4)),
}
"""For each preset that is a graph, the entry of tests/field that describes it, and the preset with the widths there."""

COUNTS = {  # as preset_counts.py prints them, from the packages and the repositories that it names
    "smp_resnet34": 24_436_369,
    "monai_unet": 4_806_481,
    "monai_basicunet": 5_749_410,
    "nnunet_3d_fullres": 31_111_554,
    "ddpm": 34_164_227,
    "stable_diffusion_vae": 81_550_567,
    "unetplusplus": 9_163_329,
    "unet3plus": 26_971_777,
    "attention_unet": 34_878_573,
    "u2net_rsu7": 206_016,
    "nnunet_3d_resenc": 102_348_226,
    "u2net": 44_009_869,
    "pix2pix": 54_413_955,
    "demucs": 89_451_144,
}

GRAPHS = [name for name in PRESETS if isinstance(PRESETS[name], Network)]


@cache
def narrow(name):
    return NARROW[name][1]()


def entry(name):
    return ARCHITECTURES[NARROW[name][0]]


def says(sizes):
    """The set that an entry writes as a period, remainders and a least size."""
    period, least = sizes["period"], sizes["from"]
    return SizeSet([Progression(least + (r - least) % period, period, None) for r in sizes["residues"]])


def numbers_of(operation, axes):
    """The fields of an operation with every default written out, but for the channels, which a network has."""
    for f in fields(operation):
        value = getattr(operation, f.name)
        if f.name in ("kernel", "stride", "dilation", "output_padding"):
            value = operation.kernel if value is None else value
            value = tuple(on_axis(value, axis) for axis in range(axes))
        elif f.name == "padding":
            value = tuple(sides_on(value, axis) for axis in range(axes))
        if f.name != "channels":
            yield f.name, value


def without_names(network):
    """What the outputs are computed by, whatever the nodes are called and in which order they stand."""
    numbers = {}
    made = {i.name: numbers.setdefault(i, len(numbers)) for i in network.inputs}
    texts = {made[i.name]: f"{i}" for i in network.inputs}
    for node in network.nodes:
        operation = (type(node.operation).__name__, *numbers_of(node.operation, network.axes))
        key = (operation, network.channels[node.name], *(texts[made[of]] for of in node.inputs))
        made[node.name] = numbers.setdefault(key, len(numbers))
        texts[made[node.name]] = f"{hash(key)}"  # short, where the text of the inputs would double at every join
    return [texts[made[name]] for name in network.outputs]


def test_every_preset_that_is_a_graph_has_a_published_description():
    assert list(NARROW) != []
    assert set(NARROW) == set(GRAPHS)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", NARROW)
def test_a_preset_is_the_network_of_its_description_layer_by_layer(name):
    described = graph(entry(name))
    assert without_names(narrow(name)) == without_names(described)
    assert len(narrow(name).nodes) == len(described.nodes)


def test_the_comparison_sees_one_number_in_one_layer():
    network = narrow("ddpm")
    changed = list(network.nodes)
    norm = next(i for i, node in enumerate(changed) if node.name == "mid_block.resnets.0.norm2")
    changed[norm] = Node(changed[norm].name, Norm("group", groups=4, epsilon=1e-5), changed[norm].inputs)
    other = Network(network.inputs, changed, network.outputs, network.axes)
    assert without_names(other) != without_names(network)


@pytest.mark.parametrize("name", NARROW)
def test_a_preset_takes_the_sizes_of_its_description(name):
    found = [compatible_sizes(narrow(name), axis) for axis in range(narrow(name).axes)]
    assert found == [says(sizes) for sizes in entry(name)["sizes"]]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", NARROW)
def test_a_preset_makes_the_outputs_of_its_description(name):
    for axis, (sizes, made) in enumerate(zip(entry(name)["sizes"], entry(name)["output"], strict=True)):
        for n in range(sizes["from"], sizes["from"] + 2 * sizes["period"] + 40):
            of_n = run(narrow(name), n, axis)
            assert of_n.ok == (n in says(sizes))
            if of_n.ok:
                out = made["times"] * ((n + made["plus"]) // made["over"]) + made["then"]
                assert [of_n.sizes[output] for output in narrow(name).outputs] == [out]
    for given, made in zip(entry(name)["example"]["in"], entry(name)["example"]["out"], strict=True):
        assert run_image(narrow(name), given).shape(narrow(name).outputs[0]) == tuple(made)


@pytest.mark.parametrize("name", NARROW)
def test_a_preset_requires_of_all_axes_together_what_its_description_does(name):
    least = [sizes["from"] for sizes in entry(name)["sizes"]]
    assert (least in compatible_shapes(narrow(name))) == entry(name)["all_at_least"]
    assert all(n in fit for n, fit in zip(least, compatible_shapes(narrow(name)).axes, strict=True))


@pytest.mark.parametrize("name", NARROW)
def test_a_preset_with_the_widths_of_its_description_has_its_parameters(name):
    assert parameter_count(narrow(name)) == entry(name)["parameters"]


@pytest.mark.parametrize("name", COUNTS)
def test_a_preset_has_as_many_parameters_as_its_original(name):
    assert parameter_count(PRESETS[name]) == COUNTS[name]


def test_unet3d_has_the_parameters_that_its_paper_counts():
    # Section 2 of the paper has 19 069 955. That is without the norms, and without a bias in the up-convolutions.
    shapes = parameter_shapes("unet3d", 3)
    norms = sum(2 * array["scale"][0] for layer, array in shapes.items() if layer.endswith(".norm"))
    biases = sum(array["bias"][0] for layer, array in shapes.items() if layer.startswith("up["))
    assert parameter_count(PRESETS["unet3d"]) - norms - biases == 19_069_955


@pytest.mark.parametrize("name", NARROW)
def test_a_preset_at_its_own_widths_takes_the_sizes_of_the_narrow_one(name):
    preset = compatible_shapes(name)
    assert preset.axes == compatible_shapes(narrow(name)).axes
    assert preset.graph is PRESETS[name]


def test_a_preset_in_its_layers_has_the_names_of_its_source():
    layers = parameter_shapes("monai_unet")
    assert layers["model.1.submodule.1.submodule.0.conv.unit1.conv"] == {"kernel": (64, 64, 3, 3, 3), "bias": (64,)}
    assert parameter_shapes("smp_resnet34", 3)["encoder.layer4.0.downsample.0"] == {"kernel": (512, 256, 1, 1)}


@pytest.mark.parametrize("name", GRAPHS)
def test_a_preset_that_is_a_graph_can_be_asked_for_its_stages(name):
    image = [fit.above(2 * fit.above(1)) for fit in compatible_shapes(name).axes]
    of_it = stages(name, (PRESETS[name].inputs[0].channels, *image))
    assert sum(stage.parameters for stage in of_it) == parameter_count(PRESETS[name])


def test_a_graph_is_built_when_it_is_first_asked_for_and_kept():
    built = []
    known = presets.Presets(
        {"small": UNetConfig(levels=1)}, {"graph": lambda: built.append(1) or narrow("unetplusplus")}
    )
    assert list(known) == ["small", "graph"]
    assert len(known) == 2
    assert "graph" in known
    assert "grph" not in known
    assert nearest_choice("grph", known) == "graph"
    assert repr(known) == "<Presets small, graph>"
    assert not built
    assert known["graph"] is known["graph"] is dict(known.items())["graph"]
    assert built == [1]
    assert known.get("grph") is None
    with pytest.raises(KeyError):
        known["grph"]


def test_an_unknown_preset_is_reported_with_the_nearest_name():
    with pytest.raises(UsageError, match="no preset is called") as caught:
        graph_of("unet_plus_plus")
    assert caught.value.report.fixes == ('"unetplusplus"',)
    with pytest.raises(KeyError) as missing:
        PRESETS["unet_plus_plus"]
    assert str(missing.value) == str(caught.value)
    assert PRESETS.get("unet_plus_plus") is None


@pytest.mark.parametrize("path", ["my_network.toml", "nets/unet.json"])
def test_a_path_in_place_of_a_preset_leads_to_load_network(path):
    with pytest.raises(UsageError) as caught:
        graph_of(path)
    assert caught.value.report.fixes == (f'load_network("{path}")',)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_preset_survives_being_pickled(name):
    assert pickle.loads(pickle.dumps(PRESETS[name])) == PRESETS[name]


def net_of_one_fault(build):
    net = NetworkBuilder([Input("x", 3), Input("t", 8, single=True)])
    build(net)
    with pytest.raises(ConfigError) as caught:
        net.network()
    return [verdict.name for verdict in caught.value.report.failures]


def test_a_builder_writes_the_network_that_its_nodes_are():
    net = NetworkBuilder({"x": 3}, axes=1)
    conv = net.add("conv", Conv(3, padding=1, channels=8), layer="0")
    last = net.chain(conv, {"norm": Norm(), "act": Activation("glu")})
    joined = net.add("joined", Concat(), conv, last, rule="h_join{}")
    nodes = (
        Node("conv", Conv(3, padding=1, channels=8), "x", layer="0"),
        Node("norm", Norm(), "conv"),
        Node("act", Activation("glu"), "norm"),
        Node("joined", Concat(), ("conv", "act"), rule="h_join{}"),
    )
    assert net.network() == Network({"x": 3}, nodes, axes=1)
    assert net.network("act", joined).outputs == ("act", "joined")
    assert [net.channels(name) for name in ("x", conv, last, joined)] == [3, 8, 4, 12]


def test_a_builder_reports_every_fault_when_the_network_is_made():
    def build(net):
        net.add("pooled", MaxPool((2, 2, 2)))
        net.add("sum", Add(), "x", "t")
        net.add("y", Concat(), "sum", "z")
        net.add("y", Conv(3, channels=4, groups=2), "x")

    assert net_of_one_fault(build) == ["axes_differ", "channels_equal", "unknown_input", "name_twice", "groups_divide"]


def test_a_builder_raises_the_faults_where_channels_are_asked_for_that_it_cannot_know():
    net = NetworkBuilder({"x": 3})
    net.add("halved", Conv(3, groups=2))
    with pytest.raises(ConfigError, match="must be a multiple of groups=2"):
        net.channels("halved")
    with pytest.raises(ConfigError, match="neither a node nor an input"):
        NetworkBuilder({"x": 3}).channels("skip")


def test_of_a_long_word_only_the_start_is_compared():
    # Comparing all of a word of a hundred thousand characters takes many seconds.
    assert nearest_choice("x" * 200 + "milesial", ["milesial", "xx"]) == "xx"
