"""How far a run has come, told to a person at a terminal, to a log, or to a program."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from tqdm import tqdm

from sro_research.batch.run import Progress, Standing

SECONDS_BETWEEN_LINES = 3.0
"""Where there is no terminal, progress is a line at most every so often."""
LINE = "{desc:<24.24} {bar} {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]{postfix}"


@contextmanager
def line_of_progress() -> Iterator[Progress]:
    """Tell it in one line that changes, or in plain lines where there is no terminal."""
    last = -SECONDS_BETWEEN_LINES
    with tqdm(total=1, unit="page", bar_format=LINE, leave=False, disable=None) as bar:

        def tell(now: Standing) -> None:
            nonlocal last
            others = [f"{now.failed} failed"] if now.failed else []
            others += [f"{now.skipped} up to date"] if now.skipped else []
            if bar.disable:
                if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
                    last = time.monotonic()
                    doing = " ".join(now.working) or "last page"
                    print(", ".join([f"{now.done}/{now.total} {doing}", *others]), file=sys.stderr)
                return
            if bar.total != now.total:
                bar.reset(now.total)
            bar.set_description_str(now.stage, refresh=False)
            bar.set_postfix_str(", ".join([*others, " ".join(now.working)]), refresh=False)
            bar.update(now.done - bar.n)

        yield tell


@contextmanager
def lines_of_json() -> Iterator[Progress]:
    """Tell it in a line of JSON on the standard error for each notebook that begins or ends."""
    began = time.monotonic()

    def tell(now: Standing) -> None:
        print(json.dumps({"seconds": round(time.monotonic() - began, 3), **asdict(now)}), file=sys.stderr, flush=True)

    yield tell


PROGRESS = {"auto": line_of_progress, "json": lines_of_json}
