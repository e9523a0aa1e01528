"""Finished pages to a release folder: attacked first, then swapped in as a whole."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pandas as pd

from sro_research import __version__
from sro_research.batch.plan import BOARD, Job, page_name
from sro_research.disclosure.audit import audit, require_clean
from sro_research.disclosure.national import public_table
from sro_research.errors import DisclosureError
from sro_research.files import make_private_folder, put_in_place, url_without_password, write_bytes, write_text
from sro_research.parameters import Language
from sro_research.report.gate import check_page
from sro_research.report.own_texts import own_texts
from sro_research.report.template import fixed_texts, render
from sro_research.report.words import load_words
from sro_research.study import Study
from sro_research.tables import is_table

OPEN = 0o755
"""Who may look into a release: everybody, and nobody but its maker before it is audited."""
PUBLIC_TABLES = {"yardstick.csv": "national_index_yardstick", "estimates.csv": "national_index_estimates"}
"""Tables that a release about schools of the nation has beside its pages, with what the index calls them."""
SHORTEST_TOKEN = 5
"""A shorter name of a machine or folder may stand on a page by chance."""


def publish(study: Study, jobs: list[Job]) -> Path:
    """Publish the pages of finished jobs with an index in every language; return the path of the first index.

    Only pages made from the current safe cells are handed in, so that a release never mixes two runs. A reader sees the
    old release or the new one, never a part of either. Raises `DisclosureError`, and leaves the old release as it is,
    where an attack on the new pages can work out what they hide.
    """
    release = study.folders.release
    staged = staged_for(release)
    shutil.rmtree(staged, ignore_errors=True)
    make_private_folder(staged)
    for job in jobs:
        for page in job.pages.values():
            write_bytes(staged / page.name, page.read_bytes())
    languages, board = study.parameters.pages.languages, study.board_page()
    texts: dict[str, dict[str, list[str]]] = {
        language: own_texts(board, load_words(language)) for language in languages
    }
    for name, text in _public_tables(study, board.cells).items():
        write_text(staged / name, text)
    for language in languages:
        index = _index(study, {job.name for job in jobs}, language, texts[language])
        write_text(staged / page_name("index", language), index)
    earlier = study.folders.ledger if is_table(study.folders.ledger) else None
    if earlier is None and release.exists():
        raise DisclosureError(
            release, "it was published, and its ledger is gone", fix="Restore ledger/, or move the old release away."
        )
    result = audit(
        staged,
        words=fixed_texts(),
        own_texts=texts,
        cells=board.cells,
        public=board.cells if study.national is not None else study.yardstick_cells(),
        ledger=earlier,
        aux=study.protected("schools") if study.national is None else None,  # Schools of the nation are no people.
        canaries=_machine(study),
        minimum=study.policy.minimum_group_size,
    )
    write_text(study.folders.internal / "audit.txt", "\n".join([*result.lines(), *result.to_read()]) + "\n")
    if not result.clean:
        shutil.rmtree(staged)
    require_clean(result)
    study.keep_release_in_ledger()  # Before the pages are out: a ledger may know more than readers do, never less.
    staged.chmod(OPEN)
    put_in_place(staged, release.resolve())
    return release / page_name("index", languages[0])


def _public_tables(study: Study, cells: pd.DataFrame) -> dict[str, str]:
    if study.national is None:
        return {}
    yardstick, estimates = PUBLIC_TABLES
    return {yardstick: public_table(cells, nation=True), estimates: public_table(cells)}


def staged_for(release: Path) -> Path:
    """Return where the next release waits for its audit: beside the folder itself, also where that is behind a link."""
    place = release.resolve()
    return place.with_name(f".{place.name}.new")


def _machine(study: Study) -> list[str]:
    """Return what no page may say: where, and as whom, it was made."""
    tokens = [
        f"{Path.home()}/",
        f"{study.folders.root}/",
        f"{Path(study.parameters.folders.data)}/",
        socket.gethostname(),
    ]
    if url := study.folders.url:
        tokens += [url, url_without_password(url)]
    return [token for token in tokens if len(token) > SHORTEST_TOKEN]


def _index(study: Study, finished: set[str], language: Language, texts: dict[str, list[str]]) -> str:
    p, w = study.parameters, load_words(language)
    title = p.title[language]
    notices = [w("head_synthetic")] if p.synthetic else []
    if p.notice is not None:
        notices.append(p.notice[language])
    if study.national is not None:
        notices.append(w("national_notice", publisher=study.national.publisher))
    schools = [
        {"name": name, "page": page_name(f"school_{i}", language) if f"school/{i}" in finished else ""}
        for name, i in sorted((names[language], i) for i, names in study.reported_schools().items())
    ]
    page = render(
        "index.html.j2",
        language=language,
        title=w("index_title", title=title),
        organization=p.organization,
        notices=notices,
        board=page_name(BOARD, language) if BOARD in finished else "",
        tables={name: w(title) for name, title in PUBLIC_TABLES.items()} if study.national is not None else {},
        schools=schools,
        alternates={code: page_name("index", code) for code in p.pages.languages if code != language},
        footer=w("head_footer", title=title, study=p.study, version=__version__, fingerprint=p.fingerprint[:12]),
        texts=texts,
    )
    check_page(page, figures=0)
    return page
