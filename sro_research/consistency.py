"""What a study file says, held against its instruments, its schools and the place of its data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from sro_research.errors import StudyFileError, nearest
from sro_research.estimates import SCHOOL
from sro_research.instruments import Instrument
from sro_research.parameters import Parameters, Text


def reported_schools(parameters: Parameters, names: Mapping[str, Text]) -> dict[str, Text]:
    """Return id and name by language of the schools that get a page, in the order of their ids.

    Raises `StudyFileError` where the study file asks for a school that is not there.
    """
    wanted = parameters.reported_schools
    for i, school in enumerate(wanted or []):
        if school not in names:
            where = parameters.where("reported_schools", i)
            raise StudyFileError(where, f"there is no school '{school}'", fix=nearest(school, names))
    return {school: names[school] for school in sorted(names) if wanted is None or school in wanted}


def names_of(schools: pd.DataFrame, parameters: Parameters) -> dict[str, Text]:
    """Return the names of a table of schools, the same in all languages."""
    names = zip(schools["school_id"], schools["school_name"], strict=True)
    return {school: dict.fromkeys(parameters.pages.languages, name) for school, name in names}


def breaks_of(parameters: Parameters, instruments: dict[str, Instrument]) -> set[tuple[str, str, str]]:
    """Return (population, construct, wave) where a line breaks; see `Instrument.breaks`."""
    asked: dict[tuple[str, str], int] = {}
    for i, source in enumerate(parameters.surveys):
        version = source.version or instruments[source.instrument].version
        if asked.setdefault((source.instrument, source.wave), version) != version:
            raise StudyFileError(
                parameters.where("surveys", i),
                "two files of one survey and wave hold answers to different versions",
                fix="Give them one `version`, or make two waves of them.",
            )
    return {
        (instrument.population, construct, wave)
        for name, instrument in instruments.items()
        for construct, wave in instrument.breaks(
            {w.id: asked[name, w.id] for w in parameters.waves if (name, w.id) in asked}
        )
    }


def check_names(parameters: Parameters, instruments: dict[str, Instrument]) -> None:
    """Check what a study file says about its instruments against the instruments themselves."""
    populations = {i.population: i for i in instruments.values()}
    if len(populations) < len(instruments):
        raise StudyFileError(
            parameters.where("surveys"), "two instruments ask the same population", fix="Use one per population."
        )
    if SCHOOL in populations:
        fix = "Give its population another name."
        raise StudyFileError(parameters.where("surveys"), f"an instrument asks '{SCHOOL}', which is no people", fix=fix)
    asked = {question for i in instruments.values() for question in i.background}
    for question in parameters.pages.groups:
        if question not in asked:
            raise StudyFileError(
                parameters.where("pages", "groups"),
                f"no instrument asks '{question}'",
                fix=nearest(question, asked),
            )
    _check_model(parameters, populations)


def _check_model(parameters: Parameters, populations: dict[str, Instrument]) -> None:
    """Check what a study file declares of engagement and climate against the instrument of its population."""
    if (model := parameters.model) is not None:
        if model.population not in populations:
            raise StudyFileError(
                parameters.where("model", "population"),
                f"nobody asks '{model.population}'",
                fix=nearest(model.population, populations),
            )
        instrument = populations[model.population]
        named: dict[str, tuple[list[str], Iterable[str], str]] = {
            "outcome": ([model.outcome], instrument.constructs, "construct"),
            "perceived": ([model.perceived] if model.perceived else [], instrument.constructs, "construct"),
            "adjust": (model.adjust, instrument.background, "background question"),
            "subgroups": (model.subgroups, instrument.background, "background question"),
        }
        for key, (names, known, what) in named.items():
            for name in names:
                if name not in known:
                    where = parameters.where("model", key)
                    raise StudyFileError(where, f"there is no {what} '{name}'", fix=nearest(name, known))


def refuse_private_data_in_repository(parameters: Parameters) -> None:
    """Refuse raw data about people inside a repository, from where it is easily published by mistake."""
    data = Path(parameters.folders.data)
    inside = any((folder / ".git").exists() for folder in (data, *data.parents))
    if inside and not parameters.synthetic and parameters.public_use_source is None:
        raise StudyFileError(
            parameters.where("folders", "data"),
            "the raw data lie inside a repository",
            fix="Move them outside, or say `synthetic: true` or name a `public_use_source`.",
        )
