"""Why a result is uncertain, and what would have to be seen to doubt it: a dataset in, a dataset out."""

from simengine.explain.information import information
from simengine.explain.ranking import rank
from simengine.explain.trigger_points import triggers

__all__ = ["information", "rank", "triggers"]
