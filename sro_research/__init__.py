"""SRO Research Workbench: holistic evaluation of school resource officer programs."""

__version__ = "0.1.0"
