"""Journals in a study's folder go when they are not needed, and nothing else does."""

from pathlib import Path

from bohb_study.store.journals import JOURNALS, journal_place, remove_empty, remove_journal
from bohb_study.study import Cell


def test_folders_without_a_journal_go(tmp_path: Path) -> None:
    """As a run leaves them that is killed between removing one and the other."""
    kept = journal_place(tmp_path, Cell("one", "bohb", 0))
    kept.path.parent.mkdir(parents=True)
    kept.path.touch()
    (tmp_path / JOURNALS / "two" / "random").mkdir(parents=True)
    remove_empty(tmp_path)
    assert [path.name for path in (tmp_path / JOURNALS).iterdir()] == ["one"]
    assert kept.path.exists()
    remove_journal(kept)
    assert not (tmp_path / JOURNALS).exists()
    remove_empty(tmp_path)


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "outside" / "mine").mkdir(parents=True)
    study = tmp_path / "study"
    study.mkdir()
    (study / JOURNALS).symlink_to(tmp_path / "outside")
    remove_empty(study)
    assert (tmp_path / "outside" / "mine").exists()
    (study / JOURNALS).unlink()
    (study / JOURNALS).mkdir()
    (study / JOURNALS / "task").symlink_to(tmp_path / "outside")
    remove_empty(study)
    assert (tmp_path / "outside" / "mine").exists()
