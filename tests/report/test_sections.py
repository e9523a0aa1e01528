"""The sections of the pages: the same in every language, true to the cells, silent about what is hidden."""

import re
from dataclasses import replace

import pytest

from sro_research.estimates import CHECK, CHECKS
from sro_research.report import sections
from sro_research.report.page import Facts, Page
from sro_research.report.parts import Cards, Figure, Table, plain
from sro_research.report.words import load_words
from sro_research.study import open_report

EN, ES = load_words("en"), load_words("es")
SECTIONS = [getattr(sections, name) for name in sections.__all__]


@pytest.fixture(scope="module")
def school(demo) -> Page:
    return open_report(str(demo.params_file), school_id="0001").page


@pytest.fixture(scope="module")
def board(demo) -> Page:
    return open_report(str(demo.params_file)).page


def shown(page: Page, **values: float) -> Page:
    """The page with the within effect replaced."""
    cells = page.cells.copy()
    at = (cells["measure"] == "effect_within_schools") & (cells["group_by"] == "")
    assert at.sum() == 1
    cells.loc[at, "status"] = "shown"
    for column, value in values.items():
        cells.loc[at, column] = value
    return replace(page, cells=cells)


def texts(parts: list) -> str:
    return " ".join(str(part) for part in parts)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.__name__)
def test_both_languages_say_the_same_things(school, board, section):
    for page in (school, board):
        english, spanish = section(page, EN), section(page, ES)
        assert [type(part) for part in english] == [type(part) for part in spanish]
        for one, other in zip(english, spanish, strict=True):
            if isinstance(one, Table | Figure):
                a, b = (part.table if isinstance(part, Figure) else part for part in (one, other))
                assert (len(a.columns), len(a.rows), a.numeric) == (len(b.columns), len(b.rows), b.numeric)
                digits = [[re.findall(r"\d+", cell) for cell in row[1:]] for row in a.rows]
                assert digits == [[re.findall(r"\d+", cell) for cell in row[1:]] for row in b.rows]
                assert all(len(row) == len(a.columns) == len(a.numeric) for row in a.rows)


def test_a_card_says_what_the_cell_says(school):
    cards = next(part for part in sections.in_short(school, EN) if isinstance(part, Cards)).cards
    assert len(cards) == 4
    cell = school.cell("share_agree", population="student", construct="safety")
    other = school.cell("share_agree_others", population="student", construct="safety")
    assert cards[0].label == "Feel safe at school"
    assert plain(cards[0].value) == f"{100 * cell.estimate:.0f} of 100 students"
    assert f"{100 * other.estimate:.0f} of 100" in plain(cards[0].comparison)
    assert cards[0].verdict in {"Higher", "Lower", "About the same", "Can't tell yet"}


def test_a_hidden_school_shows_no_number_anywhere(school):
    hidden = replace(school, cells=school.cells[school.cells["school_id"] == ""].iloc[:0])
    for section in (sections.in_short, sections.topics, sections.roles, sections.changes, sections.groups):
        for part in section(hidden, EN):
            if isinstance(part, Cards):
                assert all(plain(card.value) == "[c]" and card.comparison == "" for card in part.cards)
            if isinstance(part, Figure):
                cells = [plain(cell) for row in part.table.rows for cell in row[1:]]
                assert set(cells) <= {"[c]", EN("verdict_hidden")}
                rows = part.wide["datasets"]["rows"]
                assert not any(isinstance(value, int | float) for row in rows for value in row.values())
    assert "Fewer than 10 students answered" in texts(sections.who_answered(hidden, EN))


def test_absent_and_hidden_cells_look_the_same(school):
    hidden = school.cells[school.cells["status"] == "hidden"]
    assert len(hidden) > 0
    without = replace(school, cells=school.cells[school.cells["status"] != "hidden"])
    for section in SECTIONS:
        assert section(school, EN) == section(without, EN)


def test_schools_stand_in_alphabetical_order(board):
    table = next(part for part in sections.schools(board, EN) if isinstance(part, Table))
    names = [row[0] for row in table.rows]
    assert names == sorted(names) and len(names) == 12


@pytest.mark.parametrize(
    ("low", "high", "sentence"),
    [
        (0.06, 0.20, "model_yes"),
        (0.01, 0.20, "model_unclear"),
        (-0.02, 0.03, "model_small"),
        (-0.20, -0.06, "model_no"),
        (-0.20, 0.01, "model_unclear"),
    ],
)
def test_the_model_is_put_into_the_right_words(board, low, high, sentence):
    page = shown(board, conf_low=low, conf_high=high, estimate=(low + high) / 2)
    words = texts(sections.engagement(page, EN))
    assert EN(sentence) in words
    others = {"model_yes", "model_unclear", "model_small", "model_no"} - {sentence}
    assert not any(EN(other) in words for other in others)
    assert EN("model_caution") in words


def test_a_model_that_was_not_fitted_is_said_and_none_declared_is_not_mentioned(board):
    unfitted = replace(board, cells=board.cells[board.cells["measure"] != "effect_within_schools"])
    assert EN("model_none") in texts(sections.engagement(unfitted, EN))
    assert sections.engagement(replace(board, model=None), EN) == []


def tables(page: Page) -> dict[str, list[list[str]]]:
    parts = sections.engagement(page, EN)
    return {part.caption: [list(map(plain, row)) for row in part.rows] for part in parts if isinstance(part, Table)}


def test_groups_and_harms_stand_beside_the_effect_with_their_ranges(board):
    by_group, by_harm = tables(board).values()
    questions = board.model.subgroups
    background = board.instruments["student"].background
    assert [row[0] for row in by_group] == [t["en"] for q in questions for t in background[q].labels.values()]
    assert [row[0] for row in by_harm] == [EN(f"harm_{harm}") for harm in board.model.harms]
    cell = board.cell("harm_within_schools", population="student", construct="referral", wave="")
    assert by_harm[1][1] == EN.number(cell.estimate, 1)
    assert by_harm[1][2] == f"{EN.number(cell.low, 1)} to {EN.number(cell.high, 1)}"


@pytest.mark.parametrize(
    ("low", "high", "reading"), [(0.1, 0.4, "harm_higher"), (-0.4, -0.1, "harm_lower"), (-0.1, 0.4, "harm_unclear")]
)
def test_a_harm_is_read_by_its_whole_range(board, low, high, reading):
    cells = board.cells.copy()
    at = (cells["measure"] == "harm_within_schools") & (cells["construct"] == "arrest")
    cells.loc[at, ["estimate", "conf_low", "conf_high"]] = [(low + high) / 2, low, high]
    assert tables(replace(board, cells=cells))[EN("harm_caption", per=10)][2][3] == EN(reading)


def test_harms_that_were_not_looked_at_are_said(board):
    facts = replace(board.facts, provided=tuple(set(board.facts.provided) - {"discipline"}))
    assert EN("harm_missing") in texts(sections.engagement(replace(board, facts=facts), EN))
    without = replace(board, model=board.model.model_copy(update={"harms": []}))
    assert EN("harm_not_asked") in texts(sections.engagement(without, EN))


def test_what_was_declared_late_says_so(board):
    facts = replace(board.facts, exploratory=("subgroups:language", "harms:arrest"))
    by_group, by_harm = tables(replace(board, facts=facts)).values()
    late = [row[0] for row in by_group + by_harm if "added after results were seen" in row[0]]
    labels = [text["en"] for text in board.instruments["student"].background["language"].labels.values()]
    assert late == [EN("model_added", name=name) for name in [*labels, EN("harm_arrest")]]
    assert EN("model_before") in texts(sections.engagement(board, EN))
    first = {"on": "2026-01-31", "outcome": "safety", "smallest": "0.05"}
    changed = replace(board, facts=replace(board.facts, exploratory=("question",), declared=first))
    said = texts(sections.engagement(changed, EN))
    topic = board.instruments["student"].constructs["safety"].title["en"]
    assert EN("model_exploratory", declared_on="2026-01-31", topic=topic, first_smallest="0.05") in said
    assert EN("model_before") not in said
    assert said.count(EN("model_exploratory_again")) == 2  # above the groups, and above the harms


def test_what_was_left_out_of_the_declaration_is_said(board):
    facts = replace(board.facts, left_out=("subgroups:gender", "harms:arrest"), declared={"on": "2026-01-31"})
    said = texts(sections.engagement(replace(board, facts=facts), EN))
    for label in ("Gender", "Arrested"):
        assert EN("model_left_out", declared_on="2026-01-31", label=label) in said


@pytest.mark.parametrize(("low", "open_"), [(0.055, False), (-0.02, True)])
def test_a_way_to_reckon_that_leaves_it_open_is_said(board, low, open_):
    page = shown(board, conf_low=0.06, conf_high=0.20, estimate=0.13)
    cells = page.cells.copy()
    at = (cells["measure"] == "effect_within_schools") & (cells["group_by"] == CHECK)
    assert at.sum() == len(CHECKS)
    cells.loc[at, ["estimate", "conf_low", "conf_high"]] = [0.13, low, 0.2]
    assert (EN("model_open") in texts(sections.engagement(replace(page, cells=cells), EN))) is open_


@pytest.mark.parametrize(("low", "sentence"), [(-0.1, "model_groups_alike"), (0.02, "model_groups_differ")])
def test_whether_groups_differ_is_said_first(board, low, sentence):
    cells = board.cells.copy()
    at = cells["measure"] == "effect_within_difference"
    cells.loc[at & (cells["status"] == "shown"), ["estimate", "conf_low", "conf_high"]] = [0.05, -0.1, 0.1]
    one = cells.index[at & (cells["status"] == "shown")][0]
    cells.loc[one, ["estimate", "conf_low", "conf_high"]] = [0.06, low, 0.1]
    assert EN(sentence) in texts(sections.engagement(replace(board, cells=cells), EN))


def test_what_was_not_provided_is_said(school):
    facts = Facts(**{**vars(school.facts), "provided": ()})
    words = texts(sections.program(replace(school, facts=facts), EN))
    assert EN("program_outreach_missing") in words and EN("program_training_missing") in words
    facts = Facts(**{**vars(school.facts), "provided": ("outreach", "training")})
    words = texts(sections.program(replace(school, facts=facts), EN))
    assert EN("program_training_incomplete") in words and EN("program_training_missing") not in words


def test_officers_training_is_hidden_for_few_officers(school):
    few = replace(school, cells=school.cells[school.cells["measure"] != "training_completion_rate"])
    assert EN("program_training_hidden") in texts(sections.program(few, EN))


def test_notices_stand_at_the_top(school):
    facts = Facts(**{**vars(school.facts), "sources_set_aside": 2})
    page = replace(school, facts=facts, notice={"en": "Read with care.", "es": "Lea con cuidado."})
    head = sections.head(page, ES)[0]
    assert head.notices == [ES("head_synthetic"), "Lea con cuidado.", ES("head_set_aside", files=2)]


def test_that_a_file_lost_many_rows_stands_at_the_top_of_every_page(school, board):
    for page in (school, board):
        assert EN("head_rows_lost") not in sections.head(page, EN)[0].notices
        facts = Facts(**{**vars(page.facts), "rows_lost": ("outreach",)})
        for words in (EN, ES):
            assert words("head_rows_lost") in sections.head(replace(page, facts=facts), words)[0].notices


def test_lost_rows_are_not_said_to_make_numbers_lower_only():
    # Without the rows of some schools there are fewer students, too: a rate can be higher.
    assert "too low or too high" in EN("head_rows_lost")
    assert "demasiado bajos o demasiado altos" in ES("head_rows_lost")


def test_one_wave_has_no_changes_and_no_background_no_groups(school):
    assert sections.changes(replace(school, waves=school.waves[-1:]), EN) == []
    assert sections.groups(replace(school, groups=()), EN) == []


def test_other_words_start_the_line_anew(school):
    last = school.last_wave
    page = replace(school, breaks=frozenset({("student", "officer_trust", last.id)}))
    whole, anew = (next(part for part in sections.changes(of, EN) if isinstance(part, Figure)) for of in (school, page))
    note = f"had other words before {last.label['en']}"
    assert EN("topics_alt_none") not in anew.alt
    assert note in anew.note and note not in whole.note
    topic = school.instruments["student"].constructs["officer_trust"].title["en"]
    rows = {row[0]: row[1:] for row in anew.table.rows}
    assert {title: row for title, row in rows.items() if title != topic} == {
        row[0]: row[1:] for row in whole.table.rows if row[0] != topic
    }
    ours = rows[topic][: len(page.waves)]
    assert [plain(cell) for cell in ours[:-1]] == ["[x]"] * (len(page.waves) - 1) and plain(ours[-1])[0].isdigit()
    drawn = [row for row in anew.wide["datasets"]["rows"] if row["panel"] == topic]
    assert {row["wave"] for row in drawn if row.get("percent") is not None} == {last.label["en"]}


def test_hours_of_an_earlier_time_are_said(board):
    assert EN("model_lag") not in texts(sections.engagement(board, EN))
    earlier = replace(board, model=board.model.model_copy(update={"lag": 1}))
    assert EN("model_lag") in texts(sections.engagement(earlier, EN))
