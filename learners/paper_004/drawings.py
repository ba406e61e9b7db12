"""Pictures of paper 004."""

from __future__ import annotations

from mecopt.evaluation.figures import Curve, Figure
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel
from mecopt.evaluation.rules import known
from mecopt.learners.paper_004.claims.readings import PRINTED_III, RIVALS, TWO, VARYING, channels, half, level, strategy
from mecopt.learners.paper_004.claims.training import ADAPTIVE, CHANGE
from mecopt.learners.paper_004.encoders import AVERAGED, COMPONENTS, EPISODES, MEAN, PRINTED, SAE, SHOWN
from mecopt.learners.paper_004.measures import AVERAGE
from mecopt.learners.paper_004.names import (
    ACCURACY,
    ALONG_EPISODES,
    ERRORS,
    LOSS,
    MET,
    NRR,
    OVER,
    REWARD,
    STEPS,
    TESTING,
    TRAINING,
    by,
)
from mecopt.learners.paper_004.searches import (
    ASA,
    ASA_LONG,
    CONSTANT,
    EVALUATIONS,
    EXACT,
    LOCAL_SEARCH,
    NEAREST,
    NEIGHBOURS,
    OJRS,
    RANDOM,
    SWARM,
    SWARM_LONG,
)
from mecopt.learners.paper_004.trainings import BASES, MOST_SERVERS, MOVING, PROPOSED, SEARCHES, SLOTS, STEADY, varied

SLOT = Axis("slot", low=0.0, high=SLOTS)


def _replay(base: str) -> list[Panel]:
    return [
        Panel(
            f"from '{base}'",
            SLOT,
            axis,
            curves={
                name: Curve(quantity + OVER, varied(base, change), STEADY)
                for name, change in (("2p-ER", ""), *RIVALS.items())
            },
            bands=bands,
        )
        for quantity, axis, bands in (
            (REWARD, Axis("reward of the own decision, 1/s"), [_level("optimum on fresh slots", strategy(REWARD, EXACT))]),
            (LOSS, Axis("loss", "log"), []),
        )
    ]


def _level(name: str, figure: Figure) -> Band:
    return Band(name, figure, figure)


def _thirds(half_of: str, title: str, column: int) -> Panel:
    return Panel(
        title,
        Axis("servers", whole=True),
        Axis("average NRR of the own decision, by PSO"),
        curves={base: half(by(f"{half_of}-{AVERAGE}", SWARM_LONG), base) for base in PROPOSED},
        bands=[_level(f"the paper, {n:g}", known(PRINTED_III[n][column])) for n in (1, MOST_SERVERS)],
    )


def _settings(setting: str) -> Panel:
    own = (
        {base: level(base) for base in BASES}
        if setting == STEADY
        else {base: strategy(NRR, OJRS[base], setting) for base in PROPOSED}
    )
    others = (CONSTANT, NEAREST, RANDOM, ASA, ASA_LONG, SWARM, LOCAL_SEARCH)
    return Panel(
        "users stay" if setting == STEADY else setting,
        Axis(""),
        Axis(NRR),
        dots={**own, **{name: strategy(NRR, name, setting) for name in others}},
        bands=[_level("optimum", known(1.0))],
    )


DRAWINGS = (
    Drawing(
        "Figures 3 and 4",
        "Encoders of the channels of two servers.",
        [
            Panel(
                "accuracy",
                Axis("episode (pass over 1,024 slots)", low=0.0, high=EPISODES),
                Axis("accuracy", low=0.85, high=0.95),
                curves={name: Curve(ACCURACY + ALONG_EPISODES, name, TWO) for name in SHOWN},
                bands=[_level(name, channels(ACCURACY, name)) for name in (COMPONENTS, MEAN)],
            ),
            Panel(
                "loss in testing",
                Axis("episode (pass over 1,024 slots)", low=0.0, high=EPISODES),
                Axis("mean squared error of the channel feature", "log"),
                curves={name: Curve(LOSS + TESTING + ALONG_EPISODES, name, TWO) for name in SHOWN},
            ),
        ],
    ),
    Drawing(
        "Figures 5 and 6",
        "Absolute errors of the channel feature by bars; the last bar: and more.",
        [
            Panel(
                where.removeprefix(", "),
                Axis("upper edge of the bar"),
                Axis("share of all errors"),
                curves={name: Curve(ERRORS + where, name, TWO) for name in (SAE, PRINTED, AVERAGED, MEAN)},
            )
            for where in (TRAINING, TESTING)
        ],
    ),
    Drawing(
        "Figure 7",
        "Best decision met by search from random starts, mean over slots.",
        [
            Panel(
                "searches",
                Axis("evaluations", "log", low=1.0, high=float(EVALUATIONS[-1])),
                Axis("mean NRR of the best decision met"),
                curves={name: Curve(MET, name, SEARCHES) for name in NEIGHBOURS},
                bands=[_level("optimum", known(1.0))],
            )
        ],
    ),
    Drawing(
        "Figure 8",
        "Steps of the search by rule (30), read in four ways, on the two servers of table III.",
        [
            Panel(
                "T",
                SLOT,
                Axis("T, steps of the search", "log"),
                curves={name: Curve(STEPS + OVER, changed, VARYING) for name, (changed, _) in ADAPTIVE.items()},
                marks={"weights change": CHANGE},
            )
        ],
    ),
    *(
        Drawing(
            f"Figures 9 and 10, {base}",
            "Reward of the own decision and loss with 2p-ER and with traditional replay.",
            _replay(base),
        )
        for base in PROPOSED
    ),
    Drawing(
        "Table III as a picture",
        f"Average NRR before and after the weights change, by {SWARM_LONG}, whose part of the optimum stands in "
        "the table; that of the paper's PSO is not known. Broken: the paper's figures, one and five servers.",
        [_thirds("F", "before (F-Avg)", 2), _thirds("S", "after (S-Avg)", 4)],
    ),
    Drawing(
        "The settings",
        "NRR of own decisions (over the last 500 slots where users stay, else on fresh slots), and of strategies on fresh "
        "slots; dots are seeds.",
        [_settings(STEADY), _settings(MOVING)],
    ),
)
