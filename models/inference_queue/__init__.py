"""Blocks of devices that compute and offload tasks of a neural network from a queue (paper 002)."""

from mecopt.models.inference_queue.problem import InferenceQueue
from mecopt.models.inference_queue.variables import TaskAllocation, WorkPrice

__all__ = ["InferenceQueue", "TaskAllocation", "WorkPrice"]
