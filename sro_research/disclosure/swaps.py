"""Hidden counts that people could change places in: what no linear program has to look at.

Where two schools both hide two groups, people may have moved between these groups in one school and back in the other.
Where two schools are hidden as a whole, people may belong to the one or to the other. Every published total is as
before, and nearly all that a large district hides is seen to be safe by such moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Part:
    """Counts of one table, or of whole schools: how far each may fall (`spare`), and which of them are hidden.

    (schools, groups), or (schools,).
    """

    spare: np.ndarray
    hidden: np.ndarray

    @property
    def give(self) -> np.ndarray:
        """How many each hidden count can give away."""
        return np.where(self.hidden, self.spare, 0.0)


def sure_widths(tables: Sequence[Part], schools: Part) -> tuple[list[np.ndarray], np.ndarray]:
    """Return how many whole numbers beside the true one each hidden count can be, at least: by table, and of schools.

    Tables of schools by groups that have the `schools` as their totals. All totals of groups stay as they are. Counts
    that are not hidden get 0.
    """
    gone = np.flatnonzero(schools.hidden)
    moves = [_swaps(table) for table in tables]
    whole_up, whole_down = np.zeros(len(schools.spare)), np.zeros(len(schools.spare))
    if len(gone) > 1 and tables:
        able = [_able(Part(table.spare[gone], table.hidden[gone])) for table in tables]
        limit = np.where(np.eye(len(gone), dtype=bool), 0.0, schools.give[gone])
        together = np.minimum.reduce([limit, *able])
        whole_up[gone], whole_down[gone] = together.sum(axis=1), together.max(axis=0)
        for t, table in enumerate(tables):
            rest = np.minimum.reduce([limit, *able[:t], *able[t + 1 :]])
            for group in range(table.spare.shape[1]):
                give, there = table.give[gone, group], table.hidden[gone, group]
                up = np.minimum(rest, give).sum(axis=1) * there
                down = np.minimum(rest * there[:, None], give).max(axis=0)
                moves[t][0][gone, group] = np.maximum(moves[t][0][gone, group], up)
                moves[t][1][gone, group] = np.maximum(moves[t][1][gone, group], down)
    return [up + down for up, down in moves], whole_up + whole_down


def _able(table: Part) -> np.ndarray:
    """Return how many people the second school can give to the first (schools, schools), in groups that both hide."""
    return table.hidden.astype(float) @ table.give.T


def _swaps(table: Part) -> tuple[np.ndarray, np.ndarray]:
    """Return how far each hidden count can rise and fall while the school's total stays."""
    mask, give = table.hidden.astype(float), table.give
    up, down = np.zeros(give.shape), np.zeros(give.shape)
    for group in range(give.shape[1]):
        here = np.flatnonzero(table.hidden[:, group])
        others = np.arange(give.shape[1]) != group
        mine, beside, open_beside = give[here, group], give[here][:, others], mask[here][:, others]
        # Down: this group gives to others in this school; in other schools those give to it. Each gives for itself.
        offered = beside.sum(axis=0) - beside
        down[here, group] = np.minimum(mine, (offered * open_beside).sum(axis=1))
        # Up: others give to this group here; in other schools it gives to them, and may be asked by several of them.
        # Where each of these could be served alone by as much as all ask for together, all are.
        offered = (mine[:, None] * open_beside).sum(axis=0) - mine[:, None] * open_beside
        served = offered >= beside.sum(axis=1, keepdims=True)
        alone = np.minimum(beside, offered).max(axis=1, initial=0.0)
        up[here, group] = np.maximum((beside * served).sum(axis=1), alone)
    return up, down
