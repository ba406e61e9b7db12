"""Tables and pictures of paper 000."""

from __future__ import annotations

from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.learners.paper_000.names import (
    ACTIVE,
    ALONG,
    BATTERY,
    DDPG,
    FORESEEN,
    GREEDY,
    HARVESTED,
    LEARNED,
    LETTER,
    LOCAL,
    LONG_RUN,
    LOWER,
    OF_CHOICES,
    OPT_OUT,
    OPTIMAL,
    OUTAGE,
    PASSIVE,
    QOS,
    REWARD,
    SERVED,
    SETTINGS,
    SHADOW,
    SLOTS,
    UNTRAINED,
    UPPER,
)

WARNING = (
    "The preset was chosen so that the paper's ordering can show; how far methods lie apart is a property of the preset and "
    "no evidence for the paper."
)

METHODS = (*UNTRAINED, *LEARNED)
COLUMNS = {
    REWARD: "{:.4f}",
    "of the optimum": "{:.3f}",
    OUTAGE: "{:.3f}",
    SERVED: "{:.2f}",
    LOCAL: "{:.2f}",
    ACTIVE: "{:.2f}",
    PASSIVE: "{:.2f}",
    HARVESTED: "{:.1f}",
    BATTERY: "{:.1f}",
}


def _policies(setting: str) -> Pivot:
    def of(head: str, method: str) -> Figure:
        if head == "of the optimum":
            return Of(REWARD, method, setting) / Of(REWARD, OPTIMAL, setting)
        return Of(head, method, setting)

    return pivot(
        f"Policies, {setting}",
        f"Means per slot, with standard errors over seeds; all policies on the same paths. {WARNING}",
        "policy",
        METHODS,
        {head: {method: of(head, method) for method in METHODS} for head in COLUMNS},
        COLUMNS,
    )


TABLES = (
    Pivot(
        "What is proved of the long run",
        "Bounds on the best average reward per slot, by value iteration on two grids, one rounded down and one rounded up; "
        "the bracket of DQN's choices says what its quantisation alone costs.",
        "best over",
        {
            f"{whose}, {setting}": {"at least": Of(LOWER, whose, setting), "at most": Of(UPPER, whose, setting)}
            for setting in SETTINGS
            for whose in (LONG_RUN, OF_CHOICES)
        },
        "{:.5f}",
    ),
    Pivot(
        "Perfect information",
        "What could be earned on the same paths if all channels and workloads were known: a bound for every policy.",
        "setting",
        {
            setting: {"at least": Of(LOWER, FORESEEN, setting), "at most": Of(UPPER, FORESEEN, setting)}
            for setting in SETTINGS
        },
        "{:.5f}",
    ),
    *(_policies(setting) for setting in SETTINGS),
)


def _bands(setting: str) -> list[Band]:
    return [Band("proved optimum", Of(LOWER, LONG_RUN, setting), Of(UPPER, LONG_RUN, setting))]


def _levels(quantity: str, setting: str) -> list[Band]:
    return [Band(name, Of(quantity, name, setting), Of(quantity, name, setting)) for name in (GREEDY, OPT_OUT, SHADOW)]


X = Axis(f"part of the training, {SLOTS:,} slots")


def _learning(quantity: str, label: str, *, bracket: bool = False) -> list[Panel]:
    return [
        Panel(
            setting,
            X,
            Axis(label),
            curves={method: Curve(quantity + ALONG, method, setting) for method in LEARNED},
            bands=[*(_bands(setting) if bracket else []), *_levels(quantity, setting)],
        )
        for setting in SETTINGS
    ]


DRAWINGS = (
    Drawing("Figure 3a", f"Work completed per slot along the trainings. {WARNING}", _learning(SERVED, "work served, kbit")),
    Drawing(
        "Figure 3b",
        f"Who does the work, with DDPG's raw actions, along the trainings. {WARNING}",
        [
            Panel(
                setting,
                X,
                Axis("work, kbit a slot"),
                curves={name: Curve(name + ALONG, DDPG, setting) for name in (LOCAL, ACTIVE, PASSIVE)},
            )
            for setting in SETTINGS
        ],
    ),
    Drawing(
        "Figure 4a",
        f"Reward per slot along the trainings, beside what is proved of the best. {WARNING}",
        _learning(REWARD, "reward, kbit/nJ", bracket=True),
    ),
    Drawing("Figure 4b", f"Outage along the trainings. {WARNING}", _learning(OUTAGE, "workloads not served, part")),
    Drawing(
        "Policies",
        f"Mean reward of every policy on common paths; dots are seeds. {WARNING}",
        [
            Panel(
                setting,
                Axis(""),
                Axis("reward, kbit/nJ"),
                dots={m: Of(REWARD, m, setting) for m in (GREEDY, OPT_OUT, SHADOW, OPTIMAL, *LEARNED)},
                bands=_bands(setting),
            )
            for setting in (QOS, LETTER)
        ],
    ),
)
