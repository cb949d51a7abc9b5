"""``characters`` at work: evaluate, merge into the file, print the tables, write the page."""

from collections.abc import Iterator

from bohb_study import numerics
from bohb_study.benchmarking.circumstances import circumstances
from bohb_study.cli import listings
from bohb_study.cli.characters import CharacterOptions
from bohb_study.cli.tasks_page import update_page
from bohb_study.errors import UsageError
from bohb_study.running.character_plan import CharacterPlan, can_retrain, character_plan
from bohb_study.running.characters import characters_of
from bohb_study.study import StudyConfig
from bohb_study.summaries.characters_json import characterised, merged, read_characters
from bohb_study.summaries.characters_table import character_table, cost_table

KEPT = ".part"
"""Ending of the file beside the characters in which finished evaluations are kept."""


def run(options: CharacterOptions) -> int:
    """Compute and write; returns the exit code.

    Raises:
        UsageError: there is no such task, or something that it needs is missing.
        StudyError: an evaluation could not be made, or a file cannot be read or written.
    """
    if options.tasks:
        plans = {plan.task.name: plan for plan in _plans(options)}
        about = {**circumstances(), "numerics": numerics.expected(options.numerics, torch=True)}
        kept = options.out.with_name(options.out.name + KEPT)
        found = {}
        for character in characters_of(list(plans.values()), kept, options.jobs):
            task = plans[character.task].task
            one = characterised(character, task, retrained=can_retrain(task), run=about)
            found[character.task] = merged(options.out, [one])[character.task]
        out = listings.console()
        for table in (cost_table(found), character_table(found)):
            out.print(table)
        print(f"  {options.out}")
    if options.page is not None:
        update_page(options.page, read_characters(options.out))
        print(f"  {options.page}")
    return 0


def _plans(options: CharacterOptions) -> Iterator[CharacterPlan]:
    config = StudyConfig(
        tasks=options.tasks,
        methods=("random",),
        task_options=options.task_options,
        numerics=options.numerics,
    )
    for name, task in config.resolve().tasks.items():
        if task.only_engine is not None:
            raise UsageError(
                f"{name}: runs in engine {task.only_engine} alone, where it has no character",
                "tasks",
            )
        task.prepare(download=options.download)
        yield character_plan(task, options.configs, options.numerics, config.source(name))
