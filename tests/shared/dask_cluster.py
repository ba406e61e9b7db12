"""A Dask scheduler and its workers as processes on loopback, which say in lines what they are at."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Cluster:
    """Processes that belong to a test; `begun` holds what their parts say, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workers, self.begun = folder, list[subprocess.Popen[str]](), list[str]()
        self.told = threading.Condition()
        self.at: Callable[[int, subprocess.Popen[str]], None] = lambda count, worker: None
        """Called with the number of parts begun and the worker that began the last one."""
        self.scheduler = self._started("scheduler", "--port", "0")
        assert self.scheduler.stderr is not None
        for line in self.scheduler.stderr:
            if "Scheduler at:" in line:
                self.address = line.split()[-1]
                break
        threading.Thread(target=self.scheduler.stderr.read, daemon=True).start()

    def worker(self, *options: str, host: str = "") -> subprocess.Popen[str]:
        """Start a worker of one thread, and return it when the scheduler knows it."""
        number = str(len(self.workers))
        more = ["--nthreads", "1", *options] if "--nthreads" not in options else list(options)
        place = ["--local-directory", str(self.folder / f"worker-{number}")]
        started = self._started("worker", self.address, "--no-nanny", *place, *more, host=host or f"host-{number}")
        assert started.stderr is not None
        for line in started.stderr:
            if "Registered to:" in line:
                break
        threading.Thread(target=started.stderr.read, daemon=True).start()
        threading.Thread(target=self._hear, args=(started,), daemon=True).start()
        self.workers.append(started)
        return started

    def end(self) -> None:
        """End all that were started here."""
        for process in (*self.workers, self.scheduler):
            process.kill()
        for process in (*self.workers, self.scheduler):
            process.wait()

    def _hear(self, worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            if line.startswith("begun: "):
                with self.told:
                    self.begun.append(line.removeprefix("begun: ").strip())
                    self.at(len(self.begun), worker)
                    self.told.notify_all()

    def _started(self, kind: str, *options: str, host: str = "scheduler") -> subprocess.Popen[str]:
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "shared")])
        command = [sys.executable, "-m", "dask", kind, "--host", "127.0.0.1", "--no-dashboard", *options]
        environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": path, "MECOPT_HOST": host, "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=self.folder
        )
