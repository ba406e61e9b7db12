"""A person's own limit on decisions or allocations, as it is said: names of choices or variables, numbers, units, users."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mecopt.contract.errors import InstanceError, unknown
from mecopt.contract.fields import declared, numbers
from mecopt.contract.limits.rule import EQUAL, GROUP, LEAST, LOCAL, MOST, OFFLOAD, Rule, field_of, parts_of
from mecopt.contract.units import conversion, parse, tidied
from mecopt.show.readable import Readable

Array = NDArray[Any]

LONGEST = 100
"""Characters of a name."""

NO_FIELDS = ("inf", "infinity", "nan")
"""Texts that are numbers, though a field could be named so."""

LARGEST = 1e150
"""Size of weights and bounds."""


@dataclass(frozen=True, eq=False)
class Limit(Readable):
    """A limit of one's own: a weighted sum of choices, or of the allocation, at most, at least, or equal to a bound.

    Parameters
    ----------
    name
        what it is called in violations, prices and messages.
    decision
        weights by choice: ``"local"``, ``"offload"`` (any server), ``"server 2"``. A weight is a number, one per user, of
        offloading to several servers one per user and server; leading axes are a batch, as of any field. A choice that is
        not named has the weight 0. The name of a field stands for its numbers, as ``"data_size"``. Where users decide a
        quantity, as the energy that they keep, its weight by its name.
    most, least, equal
        bounds of the sum, a number or one per instance; `equal` stands alone.
    unit
        of the weights and bounds, as "MB"; none for counts.
    users
        numbers of the users whom it is about; None for all.
    group
        numbers of groups that decide alike, one per user, 0 for none, in place of weights and bounds.
    allocation
        weights by variable of the paper's allocation, as ``"server_rate"``, in place of those of choices: a number, one per
        user, or one per user and server. Bounds are in `unit`, by default that of the variable. Who does not have the
        variable at a decision, as who computes locally has no rate on a server, counts 0.

    Examples
    --------
    >>> import mecopt
    >>> from mecopt.models import BinaryOffloading
    >>> problem = BinaryOffloading(data_size=[12.0, 7.5, 20.1], capacity=30.0)
    >>> mine = problem.limited(mecopt.Limit("at most one offloads", {"offload": 1}, most=1))
    >>> mecopt.solve(mine).decision.tolist()
    [0, 0, 1]
    >>> half = mecopt.Limit("half for the factory", allocation={"server_rate": [1, 0, 1]}, most=15.0, unit="MB/s")
    >>> solution = mecopt.solve(problem.limited(half))
    >>> solution.status.name, solution.allocation.server_rate.round(3).tolist()
    ('OPTIMAL', [6.538, 15.0, 8.462])
    """

    name: str
    decision: Mapping[str, Any] = field(default_factory=dict)
    most: ArrayLike | str | None = None
    least: ArrayLike | str | None = None
    equal: ArrayLike | str | None = None
    unit: str = ""
    users: Sequence[int] | None = None
    group: ArrayLike | None = None
    allocation: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = self.name
        if not isinstance(given, str) or not given.strip() or not given.isprintable() or len(given) > LONGEST:
            raise InstanceError(f"a limit's name is {given!r}; allowed: printable text of {LONGEST} characters at most")
        where = f"limit {self.name!r}"
        if not isinstance(self.decision, Mapping):
            kind = type(self.decision).__name__
            raise InstanceError(f"{where}: decision is a {kind}; allowed: weights by choice, as {{'offload': 1.0}}")
        if not isinstance(self.allocation, Mapping):
            kind = type(self.allocation).__name__
            raise InstanceError(f"{where}: allocation is a {kind}; allowed: weights by variable, as {{'server_rate': 1.0}}")
        if self.allocation and (self.decision or self.group is not None):
            other = "weights of choices" if self.decision else "a group"
            raise InstanceError(f"{where} has weights of the allocation and {other}; allowed: a limit for each of them")
        if not isinstance(self.unit, str):
            raise InstanceError(f"{where}: unit is {self.unit!r}; allowed: text such as 'MB', or none")
        unit = tidied(self.unit)
        if unit != "1" and re.search(r"(^|[\s*/])1($|[\s*^])|[\s*/]1/", unit):
            raise InstanceError(f"{where}: unit is {self.unit!r}; allowed: one without a number, as 'MB' or '1/s'")
        if parse(self.unit or "1").decibels:
            raise InstanceError(f"{where}: unit is {self.unit!r}; allowed: one that adds up, decibels do not")
        bounds = bounds_said(self)
        if self.group is not None:
            if self.decision or bounds:
                raise InstanceError(
                    f"{where} has a group and {'weights' if self.decision else bounds[0]}; allowed: one of them"
                )
            return
        if not self.decision and not self.allocation:
            raise InstanceError(
                f"{where} has no weights; allowed: some by choice, as decision={{'offload': 1.0}}, or by variable, as "
                "allocation={'server_rate': 1.0}"
            )
        if not bounds:
            raise InstanceError(f"{where} has no bound; allowed: most, least, both of them, or equal")
        if EQUAL in bounds and len(bounds) > 1:
            raise InstanceError(f"{where} has equal and {bounds[0]}; allowed: equal alone")

    @classmethod
    def forbidden(cls, name: str, choice: str, users: Iterable[int]) -> Self:
        """Forbid some users a choice."""
        return cls(name, {choice: 1.0}, most=0.0, users=_listed(name, users))

    @classmethod
    def forced(cls, name: str, choice: str, users: Iterable[int]) -> Self:
        """Have some users make a choice."""
        chosen = _listed(name, users)
        return cls(name, {choice: 1.0}, least=float(len(chosen)), users=chosen)

    @classmethod
    def alike(cls, name: str, users: Iterable[int]) -> Self:
        """Have some users decide alike."""
        chosen = _listed(name, users)
        if len(chosen) < 2:
            raise InstanceError(
                f"limit {name!r} is about user {chosen[0]} alone, who decides as it does; allowed: two at least"
            )
        return cls(name, group=1, users=chosen)

    def _line(self) -> str:
        if self.group is not None:
            return f"Limit {self.name!r}: users decide alike"
        bounds = ", ".join(f"{name} {getattr(self, name)}" for name in bounds_said(self))
        return (
            f"Limit {self.name!r} on {', '.join(map(str, self.decision or self.allocation))}: {bounds} {self.unit}".rstrip()
        )


def bounds_said(limit: Limit) -> tuple[str, ...]:
    """Return those of `LEAST`, `MOST` and `EQUAL` that a limit has."""
    return tuple(name for name in (LEAST, MOST, EQUAL) if getattr(limit, name) is not None)


def _listed(name: str, users: Any) -> list[int]:
    """Return users as a list without repetition, one of which may be given alone."""
    if isinstance(users, int | np.integer):
        return [int(users)]
    try:
        found = list(dict.fromkeys(users))
    except TypeError:
        raise InstanceError(f"limit {name!r}: users is {users!r}; allowed: numbers of users, as [0, 3]") from None
    if not found:
        raise InstanceError(f"limit {name!r} is about no user; allowed: at least one")
    return found


def settled(limit: Limit, problem: Any) -> tuple[Rule, dict[str, Array]]:
    """Return what a limit is apart from its numbers, and these by the names of fields of the problem it limits."""
    if not isinstance(limit, Limit):
        raise InstanceError(f"a limit is a {type(limit).__name__}; allowed: mecopt.Limit(name, ...)")
    where = f"limit {limit.name!r}"
    about = whom_about(limit, problem.users)
    if problem.quantity_limited:
        return _of_quantity(limit, problem, about)
    labels = problem.choices.labels
    unit = limit.unit.strip() or "1"
    if limit.group is not None:
        rule = Rule(limit.name, "1", (GROUP,), (), False)
        return rule, {rule.field(GROUP): _whole(where, _read(where, rule, GROUP, GROUP, limit.group, problem) * about)}
    wide = len(labels) > 2
    bounds = bounds_said(limit)
    rule = Rule(limit.name, unit, (LOCAL, OFFLOAD), bounds, wide)
    weights: dict[str, Array] = {}
    for choice, value in limit.decision.items():
        part, column = _choice(where, choice, labels)
        given = _read(where, rule._replace(wide=wide and column is None), part, f"decision[{choice!r}]", value, problem)
        if part == OFFLOAD and wide:
            one = np.ones(len(labels) - 1) if column is None else np.arange(len(labels) - 1) == column
            given = (given if column is None else given[..., None]) * (about[:, None] * one)
        else:
            given = given * about
        weights[part] = weights[part] + given if part in weights else given
    rule = rule._replace(
        weights=tuple(part for part in (LOCAL, OFFLOAD) if part in weights), wide=wide and OFFLOAD in weights
    )
    found = {rule.field(part): value for part, value in weights.items()}
    return rule, found | _bounds(where, rule, limit, problem)


def _bounds(where: str, rule: Rule, limit: Limit, problem: Any) -> dict[str, Array]:
    """Return the bounds of a limit by the names of their fields, or say which least exceeds its most."""
    found = {rule.field(name): _read(where, rule, name, name, getattr(limit, name), problem) for name in bounds_said(limit)}
    if LEAST in rule.bounds and MOST in rule.bounds:
        least, most = np.broadcast_arrays(found[rule.field(LEAST)], found[rule.field(MOST)])
        for index in np.argwhere(least > most)[:1]:
            place = tuple(index.tolist())
            at = list(place) or ""
            raise InstanceError(f"{where}: most{at} is {most[place]:g}, less than least{at}, which is {least[place]:g}")
    return found


def _of_quantity(limit: Limit, problem: Any, about: Array) -> tuple[Rule, dict[str, Array]]:
    """Return the rule and the numbers of a limit on a quantity that one user decides."""
    where, name, space = f"limit {limit.name!r}", problem.quantity_limited, problem.decision_space
    if limit.group is not None:
        raise InstanceError(f"{where} has a group; allowed: weights of {name}, since {problem.name} decides no choices")
    for choice in limit.decision:
        if choice != name:
            raise unknown(f"quantity of {where}", choice, [name])
    unit = limit.unit.strip() or space.unit
    try:
        conversion(unit, space.unit)
    except InstanceError:
        said = f"{where}: unit is {unit!r}, and {name} is in {space.unit}"
        raise InstanceError(f"{said}; allowed: a unit that measures it") from None
    rule = Rule(limit.name, unit, (name,), bounds_said(limit), False)
    weight = _read(where, rule, name, f"decision[{name!r}]", limit.decision[name], problem) * about
    several = (weight != 0.0).sum(axis=-1) > 1
    if several.any():
        count = int((weight != 0.0).sum(axis=-1).max())
        raise InstanceError(
            f"{where} is on what {count} users decide together; allowed: a limit for each user, as users=[0], since users "
            f"of {problem.name} are proved one by one"
        )
    return rule, {rule.field(name): weight} | _bounds(where, rule, limit, problem)


def whom_about(limit: Limit, users: int) -> Array:
    """Return 1 for each user whom a limit is about, and 0 for the others."""
    if limit.users is None:
        return np.ones(users)
    found = np.zeros(users)
    for place, user in enumerate(_listed(limit.name, limit.users)):
        if isinstance(user, bool) or not isinstance(user, int | np.integer) or not 0 <= user < users:
            raise InstanceError(f"limit {limit.name!r}: users[{place}] is {user!r}; allowed: 0 to {users - 1}")
        found[user] = 1.0
    return found


def _choice(where: str, choice: Any, labels: Sequence[str]) -> tuple[str, int | None]:
    """Return whose weight a name is, local computing's or offloading's, and of which server, None for any."""
    if choice == labels[0]:
        return LOCAL, None
    if choice == OFFLOAD:
        return OFFLOAD, None
    if choice in labels:
        return OFFLOAD, list(labels).index(choice) - 1
    raise unknown(f"choice of {where}", choice, [labels[0], *dict.fromkeys([OFFLOAD, *labels[1:]])])


def _read(where: str, rule: Rule, part: str, name: str, value: Any, problem: Any) -> Array:
    """Return the numbers of a part as an array that goes along with the problem's own, or say what is wrong with them.

    Of numbers per user and server the last axes are these two, or the users alone. A shape that can be read either way is
    taken only where it is that of the whole batch.
    """
    f = field_of(rule, part)
    f.name = name
    try:
        found = numbers(where, f, of_field(f"{where}.{name}", value, f, problem))
    except InstanceError as error:
        unit_said = re.match(r"(.*): unit '([^']*)' cannot be converted to '1'", str(error))
        if unit_said is None or rule.unit != "1" or part == GROUP:
            raise
        raise InstanceError(
            f"{unit_said[1]}: a number has the unit {unit_said[2]!r}, and the limit has none; allowed: plain numbers, or "
            f"that unit of the limit, unit={unit_said[2]!r}"
        ) from None
    for index in np.argwhere(np.isfinite(found) & (np.abs(found) > LARGEST))[:1]:
        place = tuple(index.tolist())
        said = f"{where}.{name}{list(place) or ''} is {found[place]:g}"
        raise InstanceError(f"{said}; allowed: up to {LARGEST:g}, so that sums are finite")
    tails: list[tuple[int, ...]] = [()] if f.metadata["per"] == "instance" else [(), (problem.users,)]
    if f.metadata["per"] == "user and server":
        tails.append((problem.users, len(problem.choices.labels) - 1))
    batch = f" and a batch of shape {problem.batch_shape}" if problem.batch_shape else ""
    read = [tail for tail in tails if read_as(found.shape, tail, problem.batch_shape, tails == [()])]
    if len(read) > 1 and found.shape != (*problem.batch_shape, *tails[-1]):
        raise InstanceError(
            f"{where}.{name} has shape {found.shape}, which may be per user or per user and server, for "
            f"{problem.size_text}{batch}; allowed: all axes, {(*problem.batch_shape, *tails[-1])}, or weights of each "
            "server per user, as {'server 1': ..., 'server 2': ...}"
        )
    if read:
        return found[..., None] if len(tails) == 3 and read[-1] == (problem.users,) else found
    per = {"instance": "a number, or one per instance", "user": "a number, or one per user"}
    said = per.get(f.metadata["per"], "a number, one per user, or one per user and server")
    raise InstanceError(f"{where}.{name} has shape {found.shape}; allowed: {said}, for {problem.size_text}{batch}")


def of_field(where: str, value: Any, f: Field[Any], problem: Any) -> Any:
    """Return the numbers of a field of the problem that a text names, in the unit of `f`; anything else as it is."""
    if not isinstance(value, str) or not value.isidentifier() or value.lower() in NO_FIELDS:
        return value
    known = {one.name: one for one in declared(problem.unlimited)}
    fits = ("instance",) if f.metadata["per"] == "instance" else ("user", "user and server")
    able = [name for name, one in known.items() if one.metadata["per"] in fits and not one.metadata["choices"]]
    if value not in able:
        raise unknown(f"field for {where}", value, able)
    try:
        return getattr(problem, value) * conversion(known[value].metadata["unit"], f.metadata["unit"])
    except InstanceError:
        said = f"{where} is the field {value}, in {known[value].metadata['unit']}"
        raise InstanceError(f"{said}; allowed: fields in a unit of {f.metadata['unit']}") from None


def read_as(shape: tuple[int, ...], tail: tuple[int, ...], batch: tuple[int, ...], bare: bool) -> bool:
    """Whether a shape is the axes `tail` behind those of a batch, which stand alone only of numbers per instance, `bare`."""
    lead = shape[: max(len(shape) - len(tail), 0)]
    return shape == (*lead, *tail) and goes_along(lead, batch) and bool(tail or not lead or bare)


def goes_along(lead: tuple[int, ...], batch: tuple[int, ...]) -> bool:
    """Whether leading axes broadcast with a problem's batch, and make none of a single instance."""
    try:
        return np.broadcast_shapes(lead, batch) == batch or not batch
    except ValueError:
        return False


def _whole(where: str, group: Array) -> Array:
    """Return numbers of groups, which have to be whole."""
    if (group != np.floor(group)).any():
        raise InstanceError(
            f"{where}: group holds {group[group != np.floor(group)][0]:g}; allowed: whole numbers, 0 for none"
        )
    return group


def said_again(rule: Rule, problem: Any) -> Limit:
    """Return the limit that a rule and its fields of a problem say."""
    held = {part: np.asarray(getattr(problem, rule.field(part))) for part in parts_of(rule)}
    if rule.alike:
        return Limit(rule.name, group=held[GROUP])
    weights = {part: held[part] for part in rule.weights}
    return Limit(
        rule.name,
        weights,
        most=held.get(MOST),
        least=held.get(LEAST),
        equal=held.get(EQUAL),
        unit="" if rule.unit == "1" else rule.unit,
    )
