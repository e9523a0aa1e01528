"""What is planted in a synthetic district, in the units in which the workbench should find it again."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Truth:
    """The planted truth. Means, effects and standard deviations are in scale points of a 1-4 score."""

    means: dict[str, float] = field(
        default_factory=lambda: {
            "safety": 2.95,
            "belonging": 2.80,
            "officer_trust": 2.70,
            "officer_enforcer": 2.30,
            "procedural_justice": 2.75,
            "approachability": 2.65,
            "role_clarity": 2.55,
            "complaint_awareness": 2.35,
        }
    )
    """Mean score in the first wave for the reference group, that is people in none of the groups of `group_effects`, at
    average exposure, the mean of the schools' own means. Without straight-liners, whose scores average the midpoint."""
    change_per_wave: float = 0.05
    """Added to every construct with each wave."""
    exposed: tuple[str, ...] = ("officer_trust", "approachability", "procedural_justice")
    """Constructs that outreach goes with; all the others have an effect of zero."""
    within_effect: float = 0.012
    """Within a school: per outreach hour per 100 students."""
    between_effect: float = 0.006
    """Between schools: per outreach hour per 100 students."""
    sd_school: float = 0.12
    sd_school_wave: float = 0.05
    sd_person: float = 0.42
    group_effects: dict[tuple[str, int], float] = field(
        default_factory=lambda: {
            ("race_ethnicity", 3): -0.15,
            ("race_ethnicity", 1): -0.15,
            ("grade_band", 3): -0.10,
            ("role", 3): 0.15,
        }
    )
    """Difference of a group from the reference group on constructs about the officer, by background question and code.
    A view that is less favorable is a higher score of an unfavorable construct: on `officer_enforcer` signs flip."""
    harms: dict[str, tuple[float, float]] = field(
        default_factory=lambda: {"exclusion": (6.0, 0.0), "referral": (2.0, 0.06), "arrest": (0.4, 0.0)}
    )
    """Students per 100 to whom each harm happens at a school's average exposure, and the change of that within a school
    per outreach hour per 100 students. Where there is a contact log, the arrests are its own."""
    response_rate: tuple[float, float] = (0.58, 0.84)
    """Range of the schools' response rates."""
    blank: float = 0.02
    dont_know: float = 0.03
    prefer_not: float = 0.01
    straight_lining: float = 0.03
    """Share of respondents who give one answer to everything."""


ABOUT_THE_OFFICER = (
    "officer_trust",
    "officer_enforcer",
    "procedural_justice",
    "approachability",
    "role_clarity",
    "complaint_awareness",
)
