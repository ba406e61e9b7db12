"""How things run: clocks and limits, processes side by side, kernels made ready, and what is survived."""
