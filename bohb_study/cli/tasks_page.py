"""The parts of the documentation's page of tasks that ``characters --page`` writes."""

from collections.abc import Mapping
from pathlib import Path

from bohb_study.cli.plan_tables import task_lines
from bohb_study.files import replace_files
from bohb_study.summaries.characters_json import Characterised
from bohb_study.summaries.characters_table import character_table, cost_table
from bohb_study.summaries.markdown import to_markdown
from bohb_study.summaries.page_sections import between
from bohb_study.summaries.table import Table, code, columns, rows
from bohb_study.tasks import make_task

BEGIN, END = (
    "<!-- characters: written by bohb-study characters --page -->",
    "<!-- end of characters -->",
)
LIST_BEGIN, LIST_END = (
    "<!-- tasks: written by bohb-study characters --page -->",
    "<!-- end of tasks -->",
)


def characters_section(found: Mapping[str, Characterised]) -> str:
    """The tables of all characters."""
    return "\n".join(map(to_markdown, (character_table(found), cost_table(found)))).rstrip()


def tasks_section() -> str:
    """Every registered task with its summary; a large family of one class has one line."""
    shown = []
    for names in task_lines():
        others = f"; the other {len(names) - 1} likewise" if len(names) > 1 else ""
        name = code(", ".join(names))
        shown.append((name, make_task(names[0]).summary.rstrip(".") + others))
    return to_markdown(Table("All tasks", columns("task", "description"), rows(shown))).rstrip()


def update_page(page: Path, found: Mapping[str, Characterised]) -> None:
    """Put both sections between their lines of a page.

    Raises:
        StudyError: the lines are not there, or the page cannot be written.
    """
    text = between(page, page.read_text(), BEGIN, END, characters_section(found))
    text = between(page, text, LIST_BEGIN, LIST_END, tasks_section())
    replace_files({page: text.encode()})
