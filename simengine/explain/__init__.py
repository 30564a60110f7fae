"""Why a result is uncertain, and a target missed: a dataset in, a dataset out."""

from simengine.explain.miss import misses
from simengine.explain.ranking import rank

__all__ = ["misses", "rank"]
