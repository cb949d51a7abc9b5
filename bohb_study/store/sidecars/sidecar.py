"""What all JSON files beside a study's cells share: their seal, their study, their shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bohb_study.errors import StudyError
from bohb_study.schema import SCHEMA_VERSION
from bohb_study.store.checksums import write_packed
from bohb_study.store.names import PACK_AGAIN, is_packed
from bohb_study.store.sealed import read_beside, sealed_json
from bohb_study.store.shapes import Shape

Content = TypeVar("Content")


@dataclass(frozen=True)
class Sidecar:
    """A JSON file beside the cells of a study, run or packed."""

    name: str
    shape: Shape
    """What it must look like, besides ``schema`` and ``study``."""
    again: str = PACK_AGAIN
    """What to do about a damaged one in the folder of a run."""

    def content(self, study_id: str, says: Mapping[str, Any]) -> bytes:
        """The file as it is stored.

        Args:
            study_id: of the study.
            says: JSON values.
        """
        return sealed_json({"schema": SCHEMA_VERSION, "study": study_id, **says})

    def write(self, folder: Path, study_id: str, says: Mapping[str, Any]) -> Path:
        """Write the file into a study's folder, and its hash where that is packed.

        Args:
            folder: of the study.
            study_id: its id.
            says: JSON values.

        Raises:
            StudyError: the disk is full or the file cannot be written; what existed is untouched.
        """
        write_packed(folder, {self.name: self.content(study_id, says)})
        return folder / self.name

    def read(
        self, folder: Path, study_id: str, parse: Callable[[Mapping[str, Any]], Content]
    ) -> Content | None:
        """What the file says; None where there is none.

        Args:
            folder: of the study.
            study_id: its id.
            parse: is given the checked JSON; a ValueError of it says why the file is damaged.

        Raises:
            StudyError: the file is damaged, of a newer version, or of another study.
        """
        path = folder / self.name
        try:
            return parse(read_beside(path, study_id, self.shape))
        except FileNotFoundError:
            return None
        except ValueError as why:
            advice = PACK_AGAIN if is_packed(folder) else self.again
            raise StudyError(f"{path}: damaged: {why}; {advice}") from None
