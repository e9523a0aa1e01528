"""SRO Research Workbench: holistic evaluation of school resource officer programs."""

import sys

__version__ = "0.1.0"

# Wherever JupyterLab is installed, jsonschema imports `rfc3987_syntax`, which builds an Earley parser while it is
# imported: about a second of every process and every kernel. It serves the format `iri`, which no notebook, Jupyter or
# Vega-Lite schema uses. None makes that import fail at once, which jsonschema expects and goes on without.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
