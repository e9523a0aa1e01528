"""`python -m sro_research` is `sro-research`."""

from sro_research.cli import main

main(prog_name="sro-research")
