"""What stands between gradients and whoever asks for them: no second derivatives, and none of items that have none."""

from __future__ import annotations

from typing import Any

import torch

FOUND, MASKED = 0, -1
"""Of an item, whether it has gradients or is nan; numbers above 0 say why it has none, though it is not nan."""
FIRST_ALONE = "mecopt.torch.allocate has first derivatives only: it cannot be differentiated twice"


class Once(torch.autograd.Function):
    """Tensors whose gradients have no derivative: where one is asked for, that is an error and no wrong number."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*fields: Any) -> Any:
        """Return the same numbers."""
        return tuple(field.view_as(field) for field in fields)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the tensors, so that their gradients are known to depend on them."""
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Hand the gradients on."""
        return Refused.apply(*gradients, *ctx.saved_tensors) if torch.is_grad_enabled() else gradients

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Hand the tangents on."""
        given = tuple(tangent for tangent in tangents if tangent is not None)
        handed = iter(Refused.apply(*given, *ctx.saved_tensors[: len(given)]))
        return tuple(None if tangent is None else next(handed) for tangent in tangents)


class Refused(torch.autograd.Function):
    """Gradients that refuse to be differentiated."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*both: Any) -> Any:
        """Return the first half of what is given, gradients; the others are what they depend on."""
        return tuple(gradient.view_as(gradient) for gradient in both[: len(both) // 2])

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Refuse."""
        raise NotImplementedError(FIRST_ALONE)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse."""
        raise NotImplementedError(FIRST_ALONE)


class Shown(torch.autograd.Function):
    """What was solved, with the derivatives of what moves; nan where there is nothing, and derivatives that are refused.

    An item that is masked is nan, and so are its tangents; a cotangent that arrives there counts as 0. One whose derivative
    is refused has nan tangents, too; a cotangent that is not 0 there is an error that says why, but within a map, which
    cannot say of which item it speaks: its gradients are nan.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(reasons: tuple[str, ...], state: Any, solved: Any, moving: Any) -> Any:
        """Return what was solved, as states ``(...)`` of items say; a reason belongs to every state above 0."""
        return torch.where(beside(state, solved) == MASKED, torch.nan, solved)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep the states."""
        ctx.reasons = inputs[0]
        ctx.save_for_backward(inputs[1])
        ctx.save_for_forward(inputs[1])

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        """Hand on what belongs to items that have a derivative."""
        (state,) = ctx.saved_tensors
        spread = beside(state, gradient)
        if ctx.reasons:
            gradient = _refusing(ctx.reasons, state, spread, gradient)
        return None, None, None, torch.where(spread == MASKED, 0.0, gradient)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Hand on the tangents of items that have them."""
        (state,) = ctx.saved_tensors
        return torch.where(beside(state, tangents[-1]) == FOUND, tangents[-1], torch.nan)


def beside(state: Any, value: Any) -> Any:
    """Return what is said of items with axes of length 1 for those that a value has beyond."""
    beyond = value.ndim - state.ndim
    return state.reshape((*state.shape, *(1,) * beyond)) if beyond else state


def _refusing(reasons: tuple[str, ...], state: Any, spread: Any, gradient: Any) -> Any:
    """Raise where a derivative is asked for that is refused; within a map return nan there."""
    asked = (spread > FOUND) & (gradient != 0.0)
    try:
        if not bool(asked.any()):
            return gradient
    except RuntimeError:  # a map's tensors do not say what they hold
        return torch.where(asked, torch.nan, gradient)
    item = [int(i) for i in torch.nonzero(asked)[0][: state.ndim]]
    why = reasons[int(state[tuple(item)]) - 1]
    named = item[0] if len(item) == 1 else item or 0
    raise NotImplementedError(f"item {named} has no gradient: {why}")
