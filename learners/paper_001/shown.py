"""Tables and pictures of paper 001."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mecopt.evaluation.figures import Curve, Figure, Of
from mecopt.evaluation.pictures import Axis, Band, Drawing, Panel
from mecopt.evaluation.tables import Pivot, pivot
from mecopt.learners.paper_001 import worlds
from mecopt.learners.paper_001.claims.readings import along, fresh, tenth
from mecopt.learners.paper_001.names import (
    AVERAGES,
    BATTERY,
    BEAMS,
    BETTER,
    CARRIER,
    COMMON,
    DISORDER,
    DISTANCES,
    EFFICIENCY,
    ENERGY,
    EVERYWHERE,
    FRAME_EFFICIENCY,
    LEAST_REGRET,
    LENGTH,
    OPTIMUM,
    OUTAGE,
    OWN,
    PARTS,
    REGRET,
    REWARD,
    ROLLED,
    SENDING,
    SERVED,
    TIMES,
    TRANSMITTING,
    WASTED,
    WASTED_MOST,
    WAYS,
    WORK,
    played,
)
from mecopt.learners.paper_001.policies import (
    ACTIVE,
    BASELINES,
    COMPLETED,
    DISABLED,
    EVEN,
    EXACT,
    HYBRID,
    MATCHED,
    MODES,
    PRICE,
    priced,
)
from mecopt.learners.paper_001.trainings import FIGURE, KINDS, TUNED, TUNED_KINDS, named

SEARCHED = (
    "The preset's constants were searched for so that the claims of figures 3 and 4 can hold; where one does, this shows no "
    "more than that such constants exist."
)
"""What must stand beside everything on these figures."""

TRAININGS = tuple(plan.method for plan in FIGURE)
POLICIES = (*BASELINES, *TRAININGS)
FORMS = {
    REWARD: "{:.1f}",
    OUTAGE: "{:.4f}",
    EFFICIENCY: "{:.1f}",
    FRAME_EFFICIENCY: "{:.1f}",
    ENERGY: "{:.0f}",
    BATTERY: "{:.2f}",
    **dict.fromkeys((*PARTS.values(), *TIMES.values(), SENDING, TRANSMITTING), "{:.3f}"),
}

AXES = {CARRIER: "carrier, mW", WORK: "mean work, kbit", DISTANCES: "distances over the paper's"}
"""Figures 3a, 3b and 4: what is varied, in words."""

# ---------------------------------------------------------------------- figure 2 and beyond


def _policies() -> Pivot:
    heads = (REWARD, OUTAGE, EFFICIENCY, ENERGY, BATTERY, *TIMES.values())
    return pivot(
        "Policies on the same fresh frames",
        "Learned policies without noise, below those without learning. All have the optimiser but those of random actions, "
        "which are three numbers of each user that are completed to an allocation, or five taken strictly, and those "
        "without an optimiser: model-free and flat. Weights q: the beam of slot i is the principal eigenvector "
        "of the sum over users j of q_ij h_j h_j^H / norm(h_j)^2. Energy of the access point per frame, and in a battery as "
        "a frame begins; times per user and frame; the passive one is that of the carrier.",
        "policy",
        POLICIES,
        {head: {policy: fresh(head, policy) for policy in POLICIES} for head in heads},
        {head: FORMS[head] for head in heads},
    )


def _regrets() -> Pivot:
    forms = {REGRET: "{:.3f}", LEAST_REGRET: "{:.6f}", WASTED: "{:.0f}", WASTED_MOST: "{:.0f}", OPTIMUM: "{:.0f}"}
    return pivot(
        "Regret: energy beside the exact optimum at the same states",
        "States that the policy itself met; the optimum has the same channels and batteries, and does the work that the "
        "policy did for the users it served; it is proved. Ratio of all energy, and the least of a state; what is wasted is "
        "the difference, its mean and 90th percentile. A policy with a price on kept energy invests in later frames, which "
        "this does not count.",
        "policy",
        POLICIES,
        {head: {policy: fresh(head, policy) for policy in POLICIES} for head in forms},
        forms,
    )


def _trainings() -> Pivot:
    def row(method: str) -> Mapping[str, Figure]:
        found: dict[str, Figure] = {}
        for quantity in (REWARD, OUTAGE, BETTER):
            curve = along(quantity, method)
            found |= {f"{quantity}, first": tenth(curve, 1), f"{quantity}, last": tenth(curve, 10)}
        return {**found, f"{REWARD}, fresh": fresh(REWARD, method), f"{OUTAGE}, fresh": fresh(OUTAGE, method)}

    rows = {method: row(method) for method in TRAININGS}
    heads = dict.fromkeys(head for one in rows.values() for head in one)
    return Pivot(
        "Figure 2: the trainings",
        "What was executed, noise included, in the first and last tenth of the training; without noise on fresh frames.",
        "training",
        rows,
        {head: "{:.3f}" if head.startswith(OUTAGE) else "{:.1f}" for head in heads},
    )


LEVELS = (EVEN, EXACT, priced(PRICE), COMPLETED)
"""Policies without learning that figure 2 shows."""


def _learning(variant: str, name: str, words: str) -> Drawing:
    return Drawing(
        f"Figure 2, {name}",
        f"Reward and outage in training, noise included, {words}. Broken: policies without learning on fresh frames, all "
        "with the optimiser but random actions.",
        [
            Panel(
                quantity,
                Axis("frame", low=0.0, high=LENGTH),
                Axis(quantity, low=0.0),
                curves={k: along(quantity, named(k, variant)) for k in (TUNED_KINDS if variant == TUNED else KINDS)},
                bands=[Band(name, fresh(quantity, name), fresh(quantity, name)) for name in LEVELS],
            )
            for quantity in (REWARD, OUTAGE)
        ],
    )


# ---------------------------------------------------------------------- figures 3 and 4


def _swept(name: str, setting: str) -> Pivot:
    heads = (*PARTS.values(), *TIMES.values(), SENDING, TRANSMITTING, OUTAGE, ENERGY, REWARD)
    rows = {
        f"{way}, {x:g}": {head: Of(head, played(way), setting, x) for head in heads}
        for way in WAYS
        for x in worlds.along(setting, way)
    }
    return Pivot(
        name,
        "Parts of the work served; times per user and frame, users who are not served among them, who send nothing. "
        f"{SEARCHED}",
        f"beams, {AXES[setting]}",
        rows,
        {head: FORMS[head] for head in heads},
    )


def _of_schemes(
    name: str,
    caption: str,
    setting: str,
    ways: Sequence[str],
    quantities: Mapping[str, str],
    more: Mapping[str, tuple[str, str]] | None = None,
) -> Pivot:
    """Return a table of quantities of every scheme by distance, and of the efficiencies of one over another."""

    def of(quantity: str, way: str, scheme: str, x: float) -> Figure:
        return Of(quantity, played(way, scheme), setting, x)

    def row(way: str, x: float) -> Mapping[str, Figure]:
        found = {f"{scheme}{words}": of(q, way, scheme, x) for q, words in quantities.items() for scheme in MODES}
        first = next(iter(quantities))
        pairs = (more or {}).items()
        found |= {head: of(first, way, one, x) / of(first, way, other, x) for head, (one, other) in pairs}
        if setting == COMMON:
            found |= {"served by all": Of(SERVED, way, COMMON, x), "disorder": Of(DISORDER, way, COMMON, x)}
        return found

    rows = {f"{way}, {x:g}": row(way, x) for way in ways for x in worlds.along(DISTANCES, way)}
    forms = {f"{scheme}{words}": FORMS.get(q, "{:.1f}") for q, words in quantities.items() for scheme in MODES}
    forms |= {**dict.fromkeys(more or {}, "{:.2f}"), "served by all": "{:.3f}", "disorder": "{:.0e}"}
    return Pivot(name, f"{caption} {SEARCHED}", f"beams, {AXES[DISTANCES]}", rows, forms)


OVER_DISABLED = {"Hybrid over disabled": (HYBRID, DISABLED), "Active over disabled": (ACTIVE, DISABLED)}

TABLES = (
    _policies(),
    _regrets(),
    _trainings(),
    _swept("Figure 3a: the carrier", CARRIER),
    _swept("Figure 3b: the workload", WORK),
    _swept("Figure 4a: the distances", DISTANCES),
    _of_schemes(
        "Figure 4b: schemes on common frames, ratio of sums",
        "Work over energy, kbit/J, on frames that all schemes serve in full at this distance, and on those that they "
        "serve at all distances; part of the frames that all serve; by how much the cost of a scheme exceeds that of a "
        "poorer one at most, relative. H-MADDPG: its beams, which the optimiser answers in all schemes.",
        COMMON,
        WAYS,
        {EFFICIENCY: "", EFFICIENCY + EVERYWHERE: EVERYWHERE},
        OVER_DISABLED,
    ),
    _of_schemes(
        "Figure 4b: schemes on common frames, mean of ratios",
        "The same, averaged otherwise.",
        COMMON,
        WAYS,
        {FRAME_EFFICIENCY: "", FRAME_EFFICIENCY + EVERYWHERE: EVERYWHERE},
        OVER_DISABLED,
    ),
    _of_schemes(
        "Figure 4b: schemes in rollouts of their own, (11)",
        "Mean of (11), kbit/J, and outage.",
        DISTANCES,
        ROLLED,
        {REWARD: "", OUTAGE: ", outage"},
    ),
    _of_schemes(
        "Figure 4b: schemes in rollouts of their own, efficiency",
        "Ratio of sums and mean of the ratios that are the second factor of (11), kbit/J. Schemes that drop hard users save "
        "their energy, so by efficiency alone a poorer one can seem better.",
        DISTANCES,
        ROLLED,
        dict(zip(AVERAGES, (", ratio of sums", ", mean of ratios"), strict=True)),
    ),
)


def _sharing(name: str, caption: str, setting: str, quantities: Mapping[str, str], axis: str) -> Drawing:
    return Drawing(
        name,
        f"{caption} {SEARCHED}",
        [
            Panel(
                way,
                Axis(AXES[setting]),
                Axis(axis, low=0.0),
                curves={label: Curve(quantity, played(way), setting) for label, quantity in quantities.items()},
            )
            for way in WAYS
        ],
        width=4.6,
    )


def _efficiencies(name: str, caption: str, panels: Mapping[str, tuple[str, str, str]]) -> Drawing:
    """Draw schemes by distance; panels by title: quantity, origin of the beams, setting."""
    return Drawing(
        name,
        f"{caption} {SEARCHED}",
        [
            Panel(
                title,
                Axis(AXES[DISTANCES]),
                Axis("efficiency, kbit/J", "log"),
                curves={scheme: Curve(quantity, played(way, scheme), setting) for scheme in MODES},
            )
            for title, (quantity, way, setting) in panels.items()
        ],
        width=4.6,
    )


PARTS_AND_OUTAGE = {**PARTS, OUTAGE: OUTAGE}

DRAWINGS = (
    *(
        _learning(beams, words, f"where the access point's action is {words}, with Table I")
        for beams, words in BEAMS.items()
    ),
    _learning(TUNED, TUNED, "as tuned"),
    Drawing(
        "Policies",
        "Reward on fresh frames in the long run; small dots: seeds. The exact optimum of each frame is not the best in the "
        "long run.",
        [
            Panel(
                "all policies",
                Axis(""),
                Axis(REWARD, low=0.0),
                dots={policy: fresh(REWARD, policy) for policy in POLICIES},
            )
        ],
        width=14.0,
        height=5.5,
    ),
    _sharing("Figure 3a", "Who does which work as the carrier grows.", CARRIER, PARTS_AND_OUTAGE, "part of the work"),
    _sharing("Figure 3b", "The same as the work grows.", WORK, PARTS_AND_OUTAGE, "part of the work"),
    _sharing("Figure 3b, times", "How long users do what as the work grows.", WORK, TIMES, "time per user, s"),
    _sharing("Figure 4a", "The same as the users move away.", DISTANCES, PARTS_AND_OUTAGE, "part of the work"),
    _efficiencies(
        "Figure 4b",
        "Efficiency of the schemes on common frames that all of them serve, ratio of sums. H-MADDPG: its beams, which the "
        "optimiser answers in all schemes.",
        {way: (EFFICIENCY, way, COMMON) for way in WAYS},
    ),
    _efficiencies(
        "Figure 4b in rollouts",
        "The same in rollouts of each scheme's own.",
        {
            **{f"{way}, (11)": (REWARD, way, DISTANCES) for way in (*OWN.values(), MATCHED)},
            f"{MATCHED}, ratio of sums": (EFFICIENCY, MATCHED, DISTANCES),
            f"{EVEN}, (11)": (REWARD, EVEN, DISTANCES),
        },
    ),
)
