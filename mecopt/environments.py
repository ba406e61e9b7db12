"""Registers the environments of all installed problems with Gymnasium, under the namespace ``mecopt``.

They are listed under the entry point group ``mecopt.environments``: the id's name and version, and the class, which is
imported when an environment is made and not before. Where the group ``mecopt.vector_environments`` has the same name, that
class answers `gymnasium.make_vec`, many lanes in one call.

Gymnasium from 1.0 on looks for no plugins: import this module, or name it before the id,
``gymnasium.make("mecopt.environments:mecopt/BackscatterFrame-v0")``. Earlier ones run it when they are imported themselves
(entry point group ``gymnasium.envs``), and the id alone is enough.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from mecopt.contract.errors import BackendUnavailable

try:
    # Not from the package itself: earlier Gymnasium runs this module while its own import has not ended.
    from gymnasium.envs import registration
except ModuleNotFoundError as error:
    raise BackendUnavailable("environments need gymnasium; install it by: pip install 'mecopt[learn]'") from error

NAMESPACE = "mecopt"


def environment_ids() -> list[str]:
    """Return the ids of all installed environments.

    >>> environment_ids()
    ['mecopt/BackscatterFrame-v0', 'mecopt/HybridSlot-v0', 'mecopt/InferenceQueue-v0', 'mecopt/InferenceQueueServer-v0']
    """
    return sorted(f"{NAMESPACE}/{entry.name}" for entry in entry_points(group="mecopt.environments"))


def register() -> None:
    """Register every environment that is not registered yet; none is imported for this."""
    vectors = {entry.name: entry.value for entry in entry_points(group="mecopt.vector_environments")}
    for entry in entry_points(group="mecopt.environments"):
        name = f"{NAMESPACE}/{entry.name}"
        if name not in registration.registry:
            registration.register(id=name, entry_point=entry.value, vector_entry_point=vectors.get(entry.name))


register()
