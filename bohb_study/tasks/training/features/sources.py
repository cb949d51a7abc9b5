"""Where the tables of features are, and how to get them.

They come from OpenML, where there is a network, or from the R package ``mlbench``, which Debian
packages as ``r-cran-mlbench``; R itself is not needed. What OpenML calls its data sets, columns and
classes was written down without a network and is unverified: the hash over the rows decides whether
a table is the one that the tasks were made with. (OpenML's satimage is said to have 6,430 rows;
mlbench has 6,435.)
"""

import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bohb_study.errors import StudyError, UsageError
from bohb_study.files import read_file, replace_files
from bohb_study.scratch import OwnedFolder
from bohb_study.tasks.training.features.rdata_files import read_frame
from bohb_study.tasks.training.features.tables import DataSet, canonical, from_npz, npz_bytes
from bohb_study.tasks.training.images.sources import download_folder

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "r-cran-mlbench"
"""Of Debian."""
PACKAGED = Path("usr/lib/R/site-library/mlbench/data")
"""Where the package has its tables."""
INSTALLED = Path("/") / PACKAGED
SECONDS = 120
"""That one command may take."""


@dataclass(frozen=True)
class Source:
    """One table: how to find it, how to read it, and how to get it."""

    name: str
    """Of the data set."""
    rda: str
    """The file of mlbench, without ``.rda``, and the data frame in it."""
    label: str
    """Column of mlbench's that has the labels; OpenML says itself which one that is."""
    openml_id: int
    """Of a data set on OpenML, which stands for one version of it."""
    classes: tuple[tuple[str, str], ...]
    """What mlbench and OpenML call each class, in the order of mlbench's names."""
    sha256: str
    """Of the table in its canonical form."""
    left_out: tuple[str, ...] = ()
    """Columns, of either source, that are not used."""

    def load(self, data: str) -> DataSet:
        """The table, from where ``find`` finds it.

        Raises:
            UsageError: it is not there, damaged, or another one.
        """
        path = self.find(data)
        if path.suffix == ".rda":
            return self.from_mlbench(path)
        try:
            found = from_npz(read_file(path))
        except (OSError, ValueError) as error:
            text = " ".join(str(error).split())[:100]
            raise UsageError(f"{path}: damaged: {text}; remove it and get it again") from None
        return self._checked(found, str(path))

    def find(self, data: str, task: str = "") -> Path:
        """The file that has the table: an ``.rda`` of mlbench, or an ``.npz`` made of OpenML's.

        Args:
            data: folder that is given for it; "" to look where it may be.
            task: that asks for it; by default the data set.

        Raises:
            UsageError: it is not there; says where it was looked for and how to get it.
        """
        roots = [Path(data)] if data else [download_folder(), INSTALLED]
        for root in roots:
            for file in (
                root / "mlbench" / f"{self.rda}.rda",
                root / f"{self.rda}.rda",
                root / PACKAGED / f"{self.rda}.rda",
                root / "openml" / f"{self.name}.npz",
                root / f"{self.name}.npz",
            ):
                if _is_file(file):
                    return file
        task = task or self.name
        raise UsageError(
            f"{task}: no table {self.name} in {' or '.join(map(str, roots))}; get it by "
            f"download=True, on Debian by apt install {PACKAGE}, or say where it is by "
            f'task_options=("{task}.data=PATH",)',
            parameter="tasks",
        )

    def from_mlbench(self, path: Path) -> DataSet:
        """The table in a file of mlbench.

        Raises:
            UsageError: it cannot be read, or has other rows.
        """
        return self._canonical(read_frame(path, self.rda), self.label, 0, str(path))

    def from_openml(self) -> DataSet:
        """The table as OpenML has it.

        Raises:
            UsageError: nobody answers, or it has other rows.
        """
        from sklearn.datasets import fetch_openml  # takes a second to import

        origin = f"OpenML {self.openml_id}"
        try:
            with warnings.catch_warnings(action="ignore"):  # it warns of what is raised below
                found = fetch_openml(
                    data_id=self.openml_id, as_frame=True, cache=False, n_retries=1
                )
        except Exception as error:  # no network, no such number, a format that is not understood
            text = " ".join(str(error).split())[:200]
            raise UsageError(f"{origin}: {type(error).__name__}: {text}") from None
        label = str(found.target.name)
        # the labels last: only the order of the features is common to both sources
        frame = found.data.assign(**{label: found.target})
        return self._canonical(frame, label, 1, origin)

    def download(self, data: str) -> None:
        """Put the table where ``find`` looks: from OpenML, else out of Debian's package.

        Raises:
            UsageError: neither has it, or the folder cannot be written; gives the reason for each.
        """
        folder = Path(data) if data else download_folder()
        reasons = []
        for get in WAYS:
            try:
                replace_files({folder / path: content for path, content in get(self).items()})
                return
            except UsageError as error:
                reasons.append(error.message)
            except (OSError, StudyError) as error:
                reasons.append(str(error))
        raise UsageError(f": {self.name} into {folder}: {'; '.join(reasons)}", parameter="download")

    def _canonical(self, frame: "pd.DataFrame", label: str, side: int, origin: str) -> DataSet:
        """``frame`` in its canonical form, if it is the one that the tasks were made with.

        Args:
            frame: as a source has it.
            label: its column of labels.
            side: 0 where classes are named as mlbench does, 1 where as OpenML.
            origin: where it comes from.
        """
        codes = {names[side]: code for code, names in enumerate(self.classes)}
        try:
            found = canonical(frame.drop(columns=[*self.left_out], errors="ignore"), label, codes)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{origin}: no table {self.name}: {' '.join(str(error).split())[:100]}"
            ) from None
        return self._checked(found, origin)

    def _checked(self, found: DataSet, origin: str) -> DataSet:
        if found.sha256 != self.sha256:
            rows, columns = found.features.shape
            raise UsageError(
                f"{origin}: {self.name} has other rows here than in mlbench 2.1-3.1 ({rows} x "
                f"{columns}, sha256 {found.sha256[:12]}, not {self.sha256[:12]}): the two sources "
                "differ; take it from mlbench"
            )
        return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the folder must not be looked into
        return False


def _out_of_openml(source: Source) -> dict[Path, bytes]:
    """The table as a file below the folder of downloads."""
    return {Path("openml") / f"{source.name}.npz": npz_bytes(source.from_openml())}


def _out_of_debian(source: Source) -> dict[Path, bytes]:
    """All tables as files below the folder of downloads; asks neither for root nor for R."""
    with OwnedFolder("bohb-study-") as temporary:
        folder = Path(temporary)
        _run(("apt-get", "download", PACKAGE), folder)
        packages = list(folder.glob("*.deb"))
        if len(packages) != 1:
            raise UsageError(f"apt-get download {PACKAGE}: left {len(packages)} packages")
        unpacked = folder / "unpacked"
        _run(("dpkg", "-x", str(packages[0]), str(unpacked)), folder)
        files = {s.rda: unpacked / PACKAGED / f"{s.rda}.rda" for s in SOURCES.values()}
        source.from_mlbench(files[source.rda])
        return {Path("mlbench") / f"{name}.rda": path.read_bytes() for name, path in files.items()}


def _run(command: tuple[str, ...], folder: Path) -> None:
    """Run a command in ``folder``.

    Raises:
        UsageError: it is not there, takes too long or fails; says how, in one line.
    """
    said = " ".join(command[:3])
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except FileNotFoundError:
        raise UsageError(f"{said}: there is no {command[0]} here") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{said}: took more than {SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise UsageError(f"{said}: {lines[-1][:200]} (apt-get update may help)")


WAYS: tuple[Callable[[Source], dict[Path, bytes]], ...] = (_out_of_openml, _out_of_debian)
"""Ways to get a table, which are tried in this order: files by path below the download folder."""


def _by_name(*sources: Source) -> dict[str, Source]:
    return {source.name: source for source in sources}


SOURCES = _by_name(
    Source(
        "letter",
        "LetterRecognition",
        "lettr",
        6,
        tuple((letter, letter) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        "b2e36de6e8ccb74b7108bb1267da66b1612d9ac07de44a42884bfc92ea6f5648",
    ),
    Source(
        "satellite",
        "Satellite",
        "classes",
        182,
        (
            ("cotton crop", "2"),
            ("damp grey soil", "4"),
            ("grey soil", "3"),
            ("red soil", "1"),
            ("vegetation stubble", "5"),
            ("very damp grey soil", "7"),
        ),
        "8980167c5b70590e422cd1b9bc029d29b7d724b00d0fe944babde216cc95d324",
    ),
    Source(
        "shuttle",
        "Shuttle",
        "Class",
        40685,
        (
            ("Bpv.Close", "6"),
            ("Bpv.Open", "7"),
            ("Bypass", "5"),
            ("Fpv.Close", "2"),
            ("Fpv.Open", "3"),
            ("High", "4"),
            ("Rad.Flow", "1"),
        ),
        "6269c9fa304842b57c742296646f3d40fd5f120dab69b7b7043793b9ddcfcd91",
    ),
    Source(
        "dna",
        "DNA",
        "Class",
        40670,
        (("ei", "1"), ("ie", "2"), ("n", "3")),
        "2af36f2ca52ba4005c57b8f8eeb221db3acf2ca7189237af6fb22722b81cddf4",
    ),
    Source(
        "vowel",
        "Vowel",
        "Class",
        307,
        tuple(
            (word, word)
            for word in sorted(
                ("had", "hAd", "hed", "hEd", "hid", "hId", "hod", "hOd", "hud", "hUd", "hYd")
            )
        ),
        "4084685d5b6bebee20e1b27711a5ef94e62eef279932479346ce2ba0533998ce",
        # Who speaks is no feature of the sound, and mlbench lacks the second of the ten features.
        left_out=("V1", "Train_or_Test", "Speaker_Number", "Sex", "Feature_1"),
    ),
)
"""The tables by name."""
