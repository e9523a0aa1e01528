"""Our pages as an exporter of nbconvert. The batch does without it: it takes half a second to import."""

from __future__ import annotations

from typing import Any

from nbconvert.exporters import Exporter
from nbformat import NotebookNode
from traitlets import Unicode, default

from sro_research.report.template import page_of


class SchoolReportExporter(Exporter):
    """Export the parts a report notebook displays as a page in one language.

    Works in JupyterLab's export menu and as `jupyter nbconvert --to school_report`. Everything that is
    not a part (code, prose for the analyst, streams, warnings) stays behind; an error output is refused.
    """

    export_from_notebook = "School report"
    output_mimetype = "text/html"
    language = Unicode("en", help="Language of the page.").tag(config=True)
    other_pages = Unicode("", help="Where the same page lies in other languages: 'es=name.es.html'.").tag(config=True)

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".html"

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page and its resources.

        Raises `ReportError` where the notebook has an error output, shows no parts, or the page fails its checks.
        """
        nb, resources = super().from_notebook_node(nb, resources, **kwargs)
        others = dict(pair.split("=", 1) for pair in self.other_pages.split()) if self.other_pages else {}
        return page_of(nb, self.language, others), resources
