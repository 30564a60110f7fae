"""The board's page: one HTML file that opens without a network, from what has been found about a run."""

from simengine.report.page.dossier import Dossier
from simengine.report.page.render import html

__all__ = ["Dossier", "html"]
