"""Kinds of cost, and how a plan takes each to grow (budget.yaml)."""

from __future__ import annotations

from pydantic import Field, model_validator

from sro_research.parameters import Identifier, Strict, Text, Words, contradiction


class Item(Strict):
    """A kind of cost."""

    title: Text
    growth: float = Field(gt=-1, lt=1, description="Growth from year to year that a plan assumes, 0.03 = 3 %.")
    reason: Text = Field(description="Where this rate comes from.")
    required: bool = Field(True, description="A year without it is not known in full; write 0 where there was none.")


class Partner(Strict):
    """Who may pay, beside grants."""

    title: Text


class BudgetStandard(Strict):
    """How a budget is read (<standards>/budget.yaml)."""

    schema_file = "params/budget.schema.json"

    currency: Words = Field(description="The unit of all amounts, as a page says it.")
    first_month: int = Field(ge=1, le=12, description="First month of a fiscal year, named by the year it ends in.")
    years: int = Field(ge=1, le=20, description="Years that a plan goes ahead.")
    partners: dict[Identifier, Partner] = Field(min_length=1)
    items: dict[Identifier, Item] = Field(min_length=1)

    @model_validator(mode="after")
    def _something_is_required(self) -> BudgetStandard:
        if not self.required:
            raise contradiction(("items",), "no item is required", "Say which costs every year has.")
        return self

    @property
    def required(self) -> list[str]:
        """The items without which a year's cost is not known."""
        return [name for name, item in self.items.items() if item.required]
