"""How soon things are to be done (<standards>/deadlines.yaml)."""

from __future__ import annotations

from pydantic import Field

from sro_research.parameters import Strict


class Deadlines(Strict):
    """Days within which a program wants things to be done; they are its own choice, made before results are seen."""

    schema_file = "params/deadlines.schema.json"

    tip_first_action_days: int = Field(ge=0, description="From the receipt of a tip to the first action on it.")
    threat_team_meeting_days: int = Field(ge=0, description="From opening a threat assessment to the team's meeting.")
    restorative_watch_days: int = Field(ge=1, description="How long after a session a repeated incident is looked for.")
    complaint_disposition_days: int = Field(ge=0, description="From the receipt of a complaint to its disposition.")
