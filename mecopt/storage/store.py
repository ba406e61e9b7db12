"""A place for checkpoints that several machines reach: a folder, or a bucket of S3 or Google's storage, by pyarrow.fs.

An object is written whole or not at all: a folder's file is moved into its place, and buckets show an object when it is
closed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mecopt.contract.errors import InstanceError

ALLOWED = "a folder, file:///FOLDER, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER"


@dataclass(frozen=True)
class Store:
    """A place by its address; it is opened anew in every process that is given it."""

    url: str

    def checked(self) -> Store:
        """Return the store by an absolute address, if an object can be written, read and removed there.

        Raises
        ------
        InstanceError
        """
        if "://" not in self.url:
            return Store(Path(self.url).absolute().as_uri()).checked()
        name = f"mecopt-{secrets.token_hex(4)}"
        self.write(name, b"mecopt")
        if self.read(name) != b"mecopt":
            raise InstanceError(f"the store {self.url} does not give back what is written to it")
        self.remove(name)
        return self

    def read(self, name: str) -> bytes | None:
        """Return an object, or None where there is none."""
        files, folder = self._opened()
        try:
            with files.open_input_stream(f"{folder}/{name}") as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._refused(error) from None

    def write(self, name: str, content: bytes) -> None:
        """Write an object, completely or not at all."""
        files, folder = self._opened()
        local = files.type_name == "local"
        place = f"{folder}/.mecopt-{secrets.token_hex(8)}" if local else f"{folder}/{name}"
        try:
            if local:
                files.create_dir(folder, recursive=True)
            with files.open_output_stream(place) as stream:
                stream.write(content)
            if local:
                files.move(place, f"{folder}/{name}")
        except (OSError, ValueError) as error:
            raise self._refused(error) from None

    def remove(self, name: str) -> None:
        """Remove an object, if there is one."""
        files, folder = self._opened()
        try:
            files.delete_file(f"{folder}/{name}")
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise self._refused(error) from None

    def _opened(self) -> tuple[Any, str]:
        """Return the file system and the folder in it."""
        import pyarrow as pa
        from pyarrow import fs

        try:
            files, folder = fs.FileSystem.from_uri(self.url)
        except (OSError, ValueError, pa.ArrowException, ImportError) as error:
            raise InstanceError(f"the store {self.url!r} cannot be opened: {error}; allowed: {ALLOWED}") from None
        return files, folder.rstrip("/")

    def _refused(self, error: Exception) -> InstanceError:
        return InstanceError(f"the store {self.url} cannot be used: {error}")
