"""Sliders in a notebook: ipywidgets around a figure's function, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mecopt.contract.errors import BackendUnavailable
from mecopt.show.drawn import picture
from mecopt.show.view import View


class Sliding(Protocol):
    """What a slider says of itself, `mecopt.contract.figure.Slider`."""

    @property
    def name(self) -> str:
        """The keyword of the value."""

    @property
    def label(self) -> str:
        """What it is."""

    @property
    def values(self) -> Sequence[float]:
        """From the least to the greatest."""

    @property
    def unit(self) -> str:
        """Of the values."""

    @property
    def start(self) -> int:
        """Position of the first one shown."""

    @property
    def whole(self) -> bool:
        """Whether only whole numbers mean something."""


def explored(sliders: Sequence[Sliding], view: Callable[..., View]) -> object:
    """Return a box of sliders above the picture, anew whenever one moves.

    Raises
    ------
    BackendUnavailable
        if ipywidgets is not installed.
    """
    try:
        import ipywidgets as widgets
    except ImportError as error:
        raise BackendUnavailable("sliders in a notebook need ipywidgets: pip install ipywidgets") from error
    moved = {one.name: _widget(widgets, one) for one in sliders}
    shown, told = widgets.Image(format="png"), widgets.Label()

    def draw(_: object = None) -> None:
        found = view(**{name: widget.value for name, widget in moved.items()})
        shown.value, told.value = picture(found), found.says

    for widget in moved.values():
        widget.observe(draw, names="value")
    draw()
    return widgets.VBox([*moved.values(), shown, told])


def _widget(widgets: Any, one: Sliding) -> Any:
    least, most = one.values[0], one.values[-1]
    along = {"description": one.label + (f" [{one.unit}]" if one.unit else ""), "style": {"description_width": "initial"}}
    if one.whole:
        return widgets.IntSlider(int(one.values[one.start]), int(least), int(most), continuous_update=False, **along)
    return widgets.FloatSlider(
        one.values[one.start], min=least, max=most, step=(most - least) / 1000.0, continuous_update=False, **along
    )
