"""One way to share work: among processes of this machine, the calls of an array job, or the workers of a Dask scheduler.

Whatever fans out says tasks (`Task`) and calls `at_work`; where they are done is said once around it, by `where` or by the
options of a command. This process alone writes results, whole, each as soon as it is there, so workers need no common disk,
and a run that was killed goes on from what was written.
"""

from mecopt.parallel.places import PartsElsewhere, at_work, before_gathering, folder_of_run, is_elsewhere, where
from mecopt.parallel.tasks import Task

__all__ = ["PartsElsewhere", "Task", "at_work", "before_gathering", "folder_of_run", "is_elsewhere", "where"]
