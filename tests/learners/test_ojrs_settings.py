"""The settings of `ojrs`: the paper's are the paper's, each has an effect alone, and those without one are refused."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mecopt import InstanceError, UnknownName
from mecopt.cli.train import command
from mecopt.contract.fields import Quantity, quantity
from mecopt.learners import training
from mecopt.learners.inputs import Inputs
from mecopt.learners.ojrs import LEARNER, OjrsSettings
from mecopt.learners.ojrs.labels import guidance, guide
from mecopt.learners.ojrs.learner import OjrsTraining
from mecopt.models import MultiServerOffloading

Array = NDArray[Any]

FIELDS = {f.name: f for f in dataclasses.fields(OjrsSettings)}

# ---------------------------------------------------------------------- the variants

SECTION_V_A: dict[str, Any] = {
    "code": 30,
    "encoder_steps": 500,
    "relative_weight": 0.5,
    "weight_decay": 0.08,
    "hidden": (120, 80),
    "l2": 0.02,
    "interval": 10,
    "steps": 20,
    "change_threshold": 0.02,
    "greatest_ratio": 1.2,
    "least_priority": 0.001,
}
"""Numbers of paper 004, section V-A."""

EQUATIONS: dict[str, Any] = {
    "encoder": "2r-sae",
    "averaged": False,
    "labels": "annealing",
    "neighbour": "literal",
    "adaptive": "rise",
    "least_steps": 1,
    "replay": "preserved-prioritised",
    "cross_entropy": "sum",
    "candidates": 1,
}
"""(23), (25) and (28)-(32) and Algorithms 1-3 as they are printed."""

UNSAID: dict[str, Any] = {
    "between": (),
    "activation": "tanh",
    "encoder_rate": 0.001,
    "error_threshold": 0.05,
    "encoder_memory": 1024,
    "offline": 1024,
    "refit": 5000,
    "guidance": "",
    "most_steps": 500,
    "temperature": 0.005,
    "cooling": 0.99,
    "memory": 1024,
    "priority_power": 0.6,
    "batch": 128,
    "updates": 10,
    "redrawn": True,
    "loss_threshold": 0.0,
    "exploration": 0.1,
    "learning_rate": 0.001,
    "inputs": (),
    "scaling": "log",
}
"""Ours where the paper is silent."""

MENDED = {"averaged": True, "neighbour": "guided", "adaptive": "fixed", "l2": 0.0, "cross_entropy": "mean"}
"""What `sane` changes of it."""


def test_the_papers_variants_are_the_papers() -> None:
    paper, sane = LEARNER.configured("paper"), LEARNER.configured("sane")
    assert dataclasses.asdict(paper) == {**SECTION_V_A, **EQUATIONS, **UNSAID}
    assert dataclasses.asdict(sane) == {**SECTION_V_A, **EQUATIONS, **UNSAID, **MENDED}
    assert paper.encoder_sizes(60) == sane.encoder_sizes(60) == (60, 45, 30)
    assert [one.default for one in command.params if one.name == "count"] == [10_000]  # T_DRL


def test_where_the_paper_has_one_field_to_see_and_to_be_guided_by_nothing_need_be_named() -> None:
    stream = MultiServerOffloading.sample(np.random.default_rng(0), (3,))
    assert Inputs.fit(stream, UNSAID["inputs"], UNSAID["scaling"]).names == ("channel_gain",)
    assert guide(stream, UNSAID["guidance"]) == "channel_gain"


# ---------------------------------------------------------------------- the table of the guide

WORDS = {"those that vary": (), "half-way": (), "the only one": "", "true": True, "false": False}
NO_SETTING = {("between", "45"), ("most_steps", "none"), ("guidance", "h"), ("inputs", "h")}
"""What the table says of the paper in other words than a setting's: the variant has what stands in the column before."""


def table() -> dict[str, list[str]]:
    """Return what the guide says of each setting: default, sane, paper; a cell alone stands for all names of its row."""
    page = (Path(__file__).parents[2] / "docs" / "guides" / "learn.md").read_text(encoding="utf-8")
    text = page.partition("## `ojrs`")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for names, *cells in re.findall(r"^\| ([a-z0-9_, ]+) \| (.+?) \| (.+?) \| (.+?) \|", text, flags=re.M)[1:]:
        row = names.split(", ")
        parts = [cell.split("; " if "; " in cell else ", ") for cell in cells]
        assert all(len(part) in (1, len(row)) for part in parts), names
        found |= {name: [part[n % len(part)] for part in parts] for n, name in enumerate(row)}
    return found


def read(name: str, text: str, before: Any) -> Any:
    """Return the value that a cell means; `before` is what the column before means."""
    if text in ("the same", "unsaid") or (name, text) in NO_SETTING:
        return before
    if text in WORDS:
        return WORDS[text]
    default: Any = FIELDS[name].default
    return tuple(int(part) for part in text.split(", ")) if isinstance(default, tuple) else type(default)(text)


def test_the_guide_says_the_value_of_every_setting_in_every_variant() -> None:
    shown = table()
    assert shown.keys() == FIELDS.keys()
    for column, variant in enumerate(("default", "sane", "paper")):
        settings = LEARNER.configured(variant)
        for name, cells in shown.items():
            said = None
            for cell in cells[: column + 1]:
                said = read(name, cell, said)
            assert said == getattr(settings, name), (variant, name)


def test_the_guide_calls_unsaid_what_the_paper_does_not_say() -> None:
    cells = {name: paper for name, (_, _, paper) in table().items()}
    unsaid = {name for name, cell in cells.items() if cell == "unsaid" or (name, cell) in NO_SETTING}
    assert unsaid == UNSAID.keys()


# ---------------------------------------------------------------------- each has an effect alone

BASE: dict[str, Any] = {
    "hidden": (16, 8),
    "encoder": "2r-sae",
    "code": 3,
    "encoder_steps": 10,
    "refit": 20,
    "labels": "annealing",
    "steps": 4,
    "adaptive": "change",
    "change_threshold": 0.03,
    "least_steps": 2,
    "most_steps": 8,
    "temperature": 0.5,
    "replay": "preserved-prioritised",
    "greatest_ratio": 1.01,
    "memory": 20,
    "interval": 5,
    "batch": 8,
    "learning_rate": 0.01,
    "l2": 0.01,
}
"""All components on, T falling and rising to its bounds, and a norm of the parameters that rises and falls."""

ALONE: list[tuple[str, Any]] = [
    *(("encoder", value) for value in ("none", "ae", "sae")),
    ("code", 4),
    ("between", (7,)),
    *(("activation", value) for value in ("relu", "sigmoid")),
    ("relative_weight", 0.0),
    ("weight_decay", 0.0),
    ("averaged", False),
    ("encoder_steps", 11),
    ("encoder_rate", 0.002),
    ("error_threshold", 0.4),
    ("encoder_memory", 16),
    ("offline", 10),
    ("refit", 0),
    *(("labels", value) for value in ("epsilon-greedy", "local-search", "optimum")),
    *(("neighbour", value) for value in ("literal", "one-user")),
    ("steps", 5),
    *(("adaptive", value) for value in ("fixed", "rise", "fall", "loss")),
    ("change_threshold", 0.005),
    ("least_steps", 4),
    ("most_steps", 5),
    ("temperature", 0.005),
    ("cooling", 0.3),
    *(("replay", value) for value in ("uniform", "preserved", "prioritised")),
    ("memory", 21),
    ("greatest_ratio", 1.2),
    ("priority_power", 3.0),
    ("least_priority", 1.0),
    ("hidden", (16, 9)),
    ("batch", 9),
    ("interval", 4),
    ("updates", 1),
    ("redrawn", False),
    ("loss_threshold", 100.0),
    ("learning_rate", 0.011),
    ("l2", 0.02),
    ("cross_entropy", "sum"),
    ("inputs", ("channel_gain", "workload")),
    *(("scaling", value) for value in ("raw", "standard")),
]
OTHER = {**dict(ALONE), "guidance": "channel_gain", "exploration": 0.4}
"""Another value of every setting on which the weights depend."""


def trained(stream: Any, **given: Any) -> dict[str, Array]:
    """Return the weights, of the encoder too, that a training ends with."""
    settings = OjrsSettings(**{**BASE, **given})
    state = training.run(lambda: OjrsTraining(stream, settings, 0), stream, 0, np.zeros(stream.instances))[0].state()
    return {name: value for name, value in state.items() if name.startswith(("weight_", "offset_", "synchronised_"))}


def same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def stream(stream_of: Any) -> Any:
    return stream_of(MultiServerOffloading, 60)


@pytest.fixture(scope="module")
def weights(stream: Any) -> dict[str, Array]:
    """Where a training with all components ends."""
    return trained(stream)


@pytest.mark.parametrize(("name", "value"), ALONE, ids=lambda value: str(value).replace(" ", ""))
def test_every_setting_has_an_effect_alone(name: str, value: Any, stream: Any, weights: dict[str, Array]) -> None:
    other = trained(stream, **{name: value})
    assert not all(np.array_equal(other[layer], weights[layer]) for layer in ("weight_0", "weight_1", "weight_2"))


def test_no_setting_is_forgotten(stream: Any, weights: dict[str, Array]) -> None:
    assert OTHER.keys() == FIELDS.keys() - {"candidates"}  # these are proposed after the training
    assert same(trained(stream), weights)
    assert same(trained(stream, candidates=3), weights)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Preferring(MultiServerOffloading):
    """Two fields say what a server is worth to a user."""

    preference: Quantity = quantity("1", "u", "what a user thinks of a server", default=1.0, per="user and server")


def test_of_several_fields_the_one_named_guides_and_one_must_be_named() -> None:
    drawn = MultiServerOffloading.sample(np.random.default_rng(1), (60,), users=4)
    fields = drawn.data()
    stream = Preferring(**fields, preference=1.0 / fields["channel_gain"])
    with pytest.raises(InstanceError, match="name one by the setting guidance: channel_gain, preference"):
        trained(stream, inputs=("channel_gain",))
    with pytest.raises(UnknownName, match="did you mean 'preference'"):
        trained(stream, inputs=("channel_gain",), guidance="preferences")
    np.testing.assert_array_equal(guidance(stream, "preference"), stream.preference)
    found = [trained(stream, inputs=("channel_gain",), guidance=name) for name in ("channel_gain", "preference")]
    assert not same(*found)
    assert same(found[0], trained(drawn))


# ---------------------------------------------------------------------- without effect

ANNEALING = {"neighbour", "guidance", "steps", "adaptive", "temperature", "cooling"}
BOUNDS = {"change_threshold", "least_steps", "most_steps"}
LOSS = {"relative_weight", "weight_decay", "averaged"}
LAYERS = {"code", "between", "activation", "encoder_steps", "encoder_rate", "error_threshold", "encoder_memory"}

OFF: dict[str, tuple[dict[str, Any], set[str]]] = {
    "replay=uniform": ({"replay": "uniform"}, {"greatest_ratio", "priority_power", "least_priority"}),
    "replay=preserved": ({"replay": "preserved"}, {"priority_power", "least_priority"}),
    "replay=prioritised": ({"replay": "prioritised"}, {"greatest_ratio"}),
    "encoder=none": ({"encoder": "none"}, LOSS | LAYERS | {"offline", "refit"}),
    "encoder=ae": ({"encoder": "ae"}, LOSS),
    "encoder=sae": ({"encoder": "sae"}, LOSS),
    "neighbour=one-user": ({"neighbour": "one-user"}, {"guidance"}),
    "adaptive=fixed": ({"adaptive": "fixed"}, BOUNDS),
    "labels=annealing": ({}, {"exploration"}),
    "labels=epsilon-greedy": ({"labels": "epsilon-greedy"}, (ANNEALING | BOUNDS) - {"steps"}),
    "labels=local-search": ({"labels": "local-search"}, ANNEALING | BOUNDS | {"exploration"}),
    "labels=optimum": ({"labels": "optimum"}, ANNEALING | BOUNDS | {"exploration"}),
}
"""What turns a component off, and the settings that are then idle."""


@pytest.mark.parametrize("cause", OFF)
def test_what_is_said_to_have_no_effect_has_none(cause: str, stream: Any) -> None:
    """Each alone leaves every weight as it is; where no value but the default is allowed there is nothing to try."""
    off, idle = OFF[cause]
    settings = OjrsSettings(**{**BASE, **off})
    always = {"exploration": "labels=annealing"} if settings.labels == "annealing" else {}
    assert settings.without_effect() == {**always, **dict.fromkeys(idle, cause)}
    before = trained(stream, **off)
    for name in idle - ({"between"} if cause == "encoder=none" else set()):
        assert same(trained(stream, **off, **{name: OTHER[name]}), before), name


def test_where_all_is_on_every_setting_counts_and_the_causes_add_up() -> None:
    assert OjrsSettings(**BASE).without_effect() == {"exploration": "labels=annealing"}
    idle = OjrsSettings().without_effect()
    assert idle.keys() == ANNEALING | BOUNDS | LOSS | LAYERS | OFF["replay=uniform"][1] | {"offline", "refit", "exploration"}
    assert (idle["least_steps"], idle["relative_weight"]) == ("labels=local-search", "encoder=none")


@pytest.mark.parametrize(
    ("variant", "given", "name", "cause"),
    [
        ("default", ("temperature=0.01",), "temperature", "labels=local-search"),
        ("default", ("labels=annealing", "least_steps=5"), "least_steps", "adaptive=fixed"),
        ("default", ("labels=annealing", "neighbour=one-user", "guidance=channel_gain"), "guidance", "neighbour=one-user"),
        ("default", ("code=5",), "code", "encoder=none"),
        ("default", ("encoder=ae", "averaged=false"), "averaged", "encoder=ae"),
        ("sane", ("change_threshold=0.1",), "change_threshold", "adaptive=fixed"),
        ("paper", ("replay=preserved", "priority_power=1"), "priority_power", "replay=preserved"),
        ("paper", ("labels=optimum", "steps=9"), "steps", "labels=optimum"),
    ],
    ids=str,
)
def test_a_setting_without_effect_is_refused_where_it_is_given_by_hand(
    variant: str, given: tuple[str, ...], name: str, cause: str, run: Any, tmp_path: Path
) -> None:
    options = [text for one in given for text in ("--with", one)]
    said = run(
        *("train", "multi-server-offloading", "--learner", "ojrs", "--set", "users=3", "--instances", 20),
        *("--variant", variant, *options, "-o", tmp_path / "policy"),
    )
    assert (said.code, said.error.count("\n")) == (2, 1)
    assert said.error.startswith(f"error: setting {name} has no effect with {cause}; ")
    assert not (tmp_path / "policy").exists()


def test_settings_that_count_are_taken_by_the_same_command(run: Any, tmp_path: Path) -> None:
    options = [text for one in ("labels=annealing", "temperature=0.01", "hidden=8") for text in ("--with", one)]
    base = ("train", "multi-server-offloading", "--learner", "ojrs", "--set", "users=3", "--instances", 20)
    assert run(*base, *options, "-o", tmp_path / "policy").code == 0


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    "given",
    [
        *({name: "other"} for name in ("encoder", "activation", "labels", "neighbour", "adaptive", "replay")),
        *(
            {name: -0.5}
            for name in ("relative_weight", "weight_decay", "error_threshold", "priority_power", "l2", "loss_threshold")
        ),
        *({name: float("nan")} for name in ("l2", "learning_rate", "least_priority", "greatest_ratio", "temperature")),
        *({name: 0} for name in ("code", "steps", "batch", "updates", "memory", "candidates", "offline")),
        *({name: 1.0} for name in ("temperature", "cooling", "learning_rate", "encoder_rate", "exploration")),
        {"cross_entropy": "median"},
        {"scaling": "cubic"},
        {"least_priority": 0.0},
        {"greatest_ratio": 1.0},
        {"refit": -1},
        {"between": (45,), "encoder": "ae"},
        {"between": (45,), "encoder": "none"},
        {"least_steps": 6, "most_steps": 5},
        {"candidates": 10_001},
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InstanceError, match=f"setting {next(iter(given))} is .*"):
        LEARNER.configured("default", given)
