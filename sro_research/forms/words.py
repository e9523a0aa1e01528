"""The words of the forms that are ours, not the instrument's, by language."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from sro_research.files import read_yaml
from sro_research.parameters import Language

LANGUAGE_NAMES: dict[Language, str] = {"en": "English", "es": "Español"}


@cache
def load_words(language: Language) -> dict[str, str]:
    """Load the catalogue of a language: texts by key, with placeholders in braces."""
    return read_yaml(Path(str(files("sro_research.forms") / "assets" / f"words.{language}.yaml"))).data
