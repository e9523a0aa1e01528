"""A questionnaire as a frozen value: constructs, items, response scales, background questions, languages.

An instrument is a set of YAML files `<instrument>.<language>.yaml`. One file, the source, says how answers are
coded and scored and holds the texts of its own language; each translation holds the same texts and nothing else. A
translation that lacks a text is an error, because a page would otherwise mix languages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sro_research.errors import InstrumentError, nearest
from sro_research.files import Document, is_file
from sro_research.parameters import Identifier, Language, Strict, Text, Words, read_checked

Meaning = Literal["dont_know", "prefer_not", "not_applicable"]
Code = Annotated[int, Field(ge=-32768, le=32767)]
"""A code of an answer; tables keep it in 16 bits."""
Labels = Annotated[dict[Code, Words], Field(min_length=2)]

SOURCE_LANGUAGE: Language = "en"
RESERVED = frozenset({"respondent_id", "respondent_key", "school_id", "wave", "weight", "duration_seconds"})
"""Columns that stand beside the answers in every table of responses."""


class MissingCode(Strict):
    """A code that is an answer but not a position on the scale."""

    meaning: Meaning
    label: Words


class ConstructEntry(Strict):
    """What a set of items measures together."""

    title: Words = Field(max_length=40)
    agree_phrase: Words = Field(max_length=80, description='Completes "7 of 10 students …".')
    definition: Words
    direction: Literal["favorable", "unfavorable"]
    minimum_items: int = Field(ge=1, description="Valid answers that a score needs.")
    sources: list[str]


class ItemEntry(Strict):
    """One question."""

    id: Identifier
    # pydantic's own models have a method `construct`.
    measures: Identifier = Field(alias="construct")
    scale: Identifier
    text: Words
    reverse: bool = Field(False, description="Agreeing means less of the construct.")
    changed_in: int = Field(1, ge=1, description="The version that gave the question its present words.")
    aspect: str | None = None


class BackgroundEntry(Strict):
    """A question about the respondent, used to group answers."""

    title: Words
    text: Words
    codes: Labels


class InstrumentFile(Strict):
    """The source file of an instrument."""

    schema_file = "surveys/instrument.schema.json"

    instrument: Identifier
    language: Language
    version: int
    population: Identifier
    respondents: Words = Field(description='The people asked, in the plural: "students".')
    title: Words
    introduction: Words
    sources: dict[str, str]
    scales: dict[Identifier, Labels]
    missing_codes: dict[Code, MissingCode]
    constructs: dict[Identifier, ConstructEntry] = Field(min_length=1)
    items: list[ItemEntry] = Field(min_length=1)
    background: dict[Identifier, BackgroundEntry]


class ConstructTexts(Strict):
    """The translated texts of a construct."""

    title: Words = Field(max_length=40)
    agree_phrase: Words = Field(max_length=80)
    definition: Words


class TranslationFile(Strict):
    """The texts of an instrument in another language."""

    schema_file = "surveys/translation.schema.json"

    instrument: Identifier
    language: Language
    version: int
    respondents: Words
    title: Words
    introduction: Words
    scales: dict[Identifier, Labels]
    missing_codes: dict[Code, Words]
    constructs: dict[Identifier, ConstructTexts]
    items: dict[Identifier, Words]
    background: dict[Identifier, BackgroundEntry]


@dataclass(frozen=True)
class Construct:
    """A construct with its items, in the order of the questionnaire."""

    id: str
    title: Text
    agree_phrase: Text
    definition: Text
    favorable: bool
    minimum_items: int
    items: tuple[Item, ...]
    sources: tuple[str, ...] = ()
    """Citations of what the construct goes back to."""

    @property
    def low(self) -> int:
        """Lowest possible score."""
        return min(self.items[0].codes)

    @property
    def high(self) -> int:
        """Highest possible score."""
        return max(self.items[0].codes)

    @property
    def midpoint(self) -> float:
        """The score above which answers lean towards agreeing."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Item:
    """A question with its codes, lowest first."""

    id: str
    codes: tuple[int, ...]
    reverse: bool
    text: Text
    labels: dict[int, Text]
    changed_in: int = 1
    """The version of the instrument that gave the question its present words."""


@dataclass(frozen=True)
class Background:
    """A background question with the labels of its codes."""

    id: str
    title: Text
    labels: dict[int, Text]
    text: Text = field(default_factory=dict)
    """The question as it is asked."""


@dataclass(frozen=True)
class Instrument:
    """A questionnaire in all its languages."""

    id: str
    version: int
    population: str
    respondents: Text
    title: Text
    constructs: dict[str, Construct]
    background: dict[str, Background]
    missing_codes: dict[int, Meaning]
    missing_labels: dict[int, Text] = field(default_factory=dict)
    introduction: Text = field(default_factory=dict)
    order: tuple[str, ...] = ()
    """The ids of the items in the order in which they are asked, which need not go construct by construct."""

    @property
    def items(self) -> Iterator[Item]:
        """All items, construct by construct."""
        return (item for construct in self.constructs.values() for item in construct.items)

    @property
    def codes(self) -> dict[str, tuple[int, ...]]:
        """Allowed codes of every answer column: items, then background, missing codes included."""
        missing = tuple(self.missing_codes)
        return {item.id: item.codes + missing for item in self.items} | {
            question.id: tuple(question.labels) + missing for question in self.background.values()
        }

    def breaks(self, versions: Mapping[str, int]) -> set[tuple[str, str]]:
        """Return (construct, wave) where a construct's line breaks: one of its questions got other words since.

        `versions` are the versions that were asked, by wave, in the order of time.
        """
        return {
            (construct.id, wave)
            for (_, before), (wave, after) in pairwise(versions.items())
            for construct in self.constructs.values()
            if any(min(before, after) < item.changed_in <= max(before, after) for item in construct.items)
        }

    def asked(self, questions: Iterable[str]) -> list[str]:
        """Return those of the background questions that this instrument asks."""
        return [question for question in questions if question in self.background]


def load_instrument(folder: Path, name: str, languages: Iterable[Language]) -> Instrument:
    """Load an instrument in the languages asked for, and check it against itself.

    Raises `InstrumentError` or `StudyFileError` with file, line and fix.
    """
    source_path = folder / f"{name}.{SOURCE_LANGUAGE}.yaml"
    if not is_file(source_path):
        known = {p.name.split(".")[0] for p in folder.glob("*.*.yaml")}
        raise InstrumentError(source_path, f"there is no instrument '{name}'", fix=nearest(name, known))
    source, document = read_checked(source_path, InstrumentFile)
    _check_source(source, document, name)
    translations: dict[Language, TranslationFile] = {}
    for language in languages:
        if language != source.language:
            path = folder / f"{name}.{language}.yaml"
            if not path.is_file():
                raise InstrumentError(path, f"'{name}' is not translated into '{language}'", fix="Add this file.")
            translation, translated = read_checked(path, TranslationFile)
            _check_translation(source, translation, translated, language)
            translations[language] = translation
    return _joined(source, translations)


def _check_source(source: InstrumentFile, document: Document, name: str) -> None:
    def fail(keys: list[str | int], rule: str, fix: str) -> None:
        raise InstrumentError(document.where(keys), rule, fix=fix)

    if source.instrument != name:
        fail(
            ["instrument"],
            f"the file is named for '{name}' but says '{source.instrument}'",
            "Rename one of them.",
        )
    if source.language != SOURCE_LANGUAGE:
        fail(["language"], f"the file is named for '{SOURCE_LANGUAGE}' but says '{source.language}'", "Mend it.")
    questions: list[tuple[str, list[str | int]]] = [(id_, ["background", id_]) for id_ in source.background]
    questions += [(item.id, ["items", i]) for i, item in enumerate(source.items)]
    seen: set[str] = set()
    for id_, at in questions:
        if id_.lower() in RESERVED:
            fail(at, f"'{id_}' is the name of a column that every survey has", "Give the question another id.")
        # Programs that write exports do not agree on capitals, so ids have to differ by more than that.
        if id_.lower() in seen:
            fail(at, f"two questions have the id '{id_}'", "Give each question its own id.")
        seen.add(id_.lower())
    for i, item in enumerate(source.items):
        if item.measures not in source.constructs:
            fail(
                ["items", i],
                f"item '{item.id}' names the construct '{item.measures}'",
                nearest(item.measures, source.constructs),
            )
        if item.changed_in > source.version:
            fail(
                ["items", i, "changed_in"],
                f"item '{item.id}' was changed in version {item.changed_in}, and this is version {source.version}",
                "Raise `version`, or mend it.",
            )
        if item.scale not in source.scales:
            fail(
                ["items", i],
                f"item '{item.id}' names the scale '{item.scale}'",
                nearest(item.scale, source.scales),
            )
    for scale, labels in source.scales.items():
        if list(labels) != list(range(min(labels), max(labels) + 1)):
            fail(
                ["scales", scale],
                f"the codes of scale '{scale}' are not in unbroken order",
                "Number them 1, 2, 3, …",
            )
        if clash := labels.keys() & source.missing_codes:
            fail(
                ["scales", scale],
                f"code {min(clash)} is both an answer and a missing code",
                "Renumber one of them.",
            )
    for question, entry in source.background.items():
        if clash := entry.codes.keys() & source.missing_codes:
            fail(
                ["background", question],
                f"code {min(clash)} is both a group and a missing code",
                "Renumber one of them.",
            )
    for key, construct in source.constructs.items():
        own = [item for item in source.items if item.measures == key]
        if not own:
            fail(["constructs", key], f"the construct '{key}' has no items", "Add items or remove it.")
        if len({item.scale for item in own}) > 1:
            fail(
                ["constructs", key],
                f"the items of '{key}' use different scales",
                "Use one scale per construct.",
            )
        if construct.minimum_items > len(own):
            fail(
                ["constructs", key, "minimum_items"],
                f"'{key}' asks for {construct.minimum_items} answers but has {len(own)} items",
                "Lower minimum_items.",
            )
        for cited in construct.sources:
            if cited not in source.sources:
                fail(
                    ["constructs", key, "sources"],
                    f"the source '{cited}' is not listed",
                    nearest(cited, source.sources),
                )


def _check_translation(
    source: InstrumentFile, translation: TranslationFile, document: Document, language: Language
) -> None:
    def same(keys: list[str | int], wanted: Iterable[str | int], found: Iterable[str | int], what: str) -> None:
        wanted, found = list(wanted), set(found)
        for key in wanted:
            if key not in found:
                raise InstrumentError(
                    document.where(keys),
                    f"the translation lacks the {what} '{key}'",
                    fix="Translate and add it.",
                )
        for key in sorted(found - set(wanted), key=str):
            raise InstrumentError(
                document.where([*keys, key]),
                f"the {what} '{key}' is not in the source file",
                fix=nearest(str(key), map(str, wanted)),
            )

    if translation.language != language:
        raise InstrumentError(
            document.where(["language"]),
            f"the file is named for '{language}' but says '{translation.language}'",
            fix="Mend it.",
        )
    if (source.instrument, source.version) != (translation.instrument, translation.version):
        raise InstrumentError(
            document.where(["version"]),
            f"this translates {translation.instrument} version {translation.version}; "
            f"the source is {source.instrument} version {source.version}",
            fix="Bring the translation up to date.",
        )
    same(["scales"], source.scales, translation.scales, "scale")
    for scale, labels in source.scales.items():
        same(["scales", scale], labels, translation.scales[scale], "label of code")
    same(["missing_codes"], source.missing_codes, translation.missing_codes, "missing code")
    same(["constructs"], source.constructs, translation.constructs, "construct")
    same(["items"], (item.id for item in source.items), translation.items, "item")
    same(["background"], source.background, translation.background, "background question")
    for question, entry in source.background.items():
        same(["background", question], entry.codes, translation.background[question].codes, "label of code")


def _joined(source: InstrumentFile, translations: dict[Language, TranslationFile]) -> Instrument:
    def text(own: str, other: dict[Language, str]) -> Text:
        return {source.language: own, **other}

    def item(entry: ItemEntry) -> Item:
        labels = {
            code: text(label, {lang: t.scales[entry.scale][code] for lang, t in translations.items()})
            for code, label in source.scales[entry.scale].items()
        }
        texts = text(entry.text, {lang: t.items[entry.id] for lang, t in translations.items()})
        return Item(entry.id, tuple(labels), entry.reverse, texts, labels, entry.changed_in)

    def construct(key: str, entry: ConstructEntry) -> Construct:
        return Construct(
            id=key,
            title=text(entry.title, {lang: t.constructs[key].title for lang, t in translations.items()}),
            agree_phrase=text(
                entry.agree_phrase, {lang: t.constructs[key].agree_phrase for lang, t in translations.items()}
            ),
            definition=text(entry.definition, {lang: t.constructs[key].definition for lang, t in translations.items()}),
            favorable=entry.direction == "favorable",
            minimum_items=entry.minimum_items,
            items=tuple(item(i) for i in source.items if i.measures == key),
            sources=tuple(source.sources[cited] for cited in entry.sources),
        )

    def background(key: str, entry: BackgroundEntry) -> Background:
        labels = {
            code: text(label, {lang: t.background[key].codes[code] for lang, t in translations.items()})
            for code, label in entry.codes.items()
        }
        return Background(
            key,
            text(entry.title, {lang: t.background[key].title for lang, t in translations.items()}),
            labels,
            text(entry.text, {lang: t.background[key].text for lang, t in translations.items()}),
        )

    return Instrument(
        id=source.instrument,
        version=source.version,
        population=source.population,
        respondents=text(source.respondents, {lang: t.respondents for lang, t in translations.items()}),
        title=text(source.title, {lang: t.title for lang, t in translations.items()}),
        constructs={key: construct(key, entry) for key, entry in source.constructs.items()},
        background={key: background(key, entry) for key, entry in source.background.items()},
        missing_codes={code: entry.meaning for code, entry in source.missing_codes.items()},
        missing_labels={
            code: text(entry.label, {lang: t.missing_codes[code] for lang, t in translations.items()})
            for code, entry in source.missing_codes.items()
        },
        introduction=text(source.introduction, {lang: t.introduction for lang, t in translations.items()}),
        order=tuple(item.id for item in source.items),
    )
