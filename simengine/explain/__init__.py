"""Why a result is uncertain: a dataset in, a ranking out."""

from simengine.explain.information import information
from simengine.explain.ranking import rank

__all__ = ["information", "rank"]
