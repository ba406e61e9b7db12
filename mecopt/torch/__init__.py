"""Allocation as a layer of a network: values and allocations as tensors, with gradients to a problem's fields.

Needs the extra `learn`; `import mecopt` does not import it. numpy goes in, the solver works on the CPU, and what is
differentiated are the conditions that its answer satisfies (`mecopt.kernels.implicit`): no solver's steps, no second solver.
"""

from mecopt.torch.allocation import Allocated, allocate, differentiable
from mecopt.torch.solved import AtAKink

__all__ = ["Allocated", "AtAKink", "allocate", "differentiable"]
