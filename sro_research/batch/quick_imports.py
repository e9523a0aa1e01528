"""Keep one slow, unused import out of our processes.

`jsonschema` imports `rfc3987_syntax` wherever it is installed (JupyterLab brings it), and that module builds an Earley parser
while it is imported: about one second of every process and every kernel. It serves the format `iri`, which no notebook, Jupyter
or Vega-Lite schema uses. An entry of None makes the import fail at once, which jsonschema expects.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
