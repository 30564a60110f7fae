"""Why a result is uncertain, how it is missed, what would have to be seen to doubt it: a dataset in, a dataset out."""

from simengine.explain.averages import averages
from simengine.explain.certainty import impact_and_certainty
from simengine.explain.direction import direction
from simengine.explain.information import information
from simengine.explain.miss import misses
from simengine.explain.ranking import rank
from simengine.explain.trigger_points import triggers

__all__ = ["averages", "direction", "impact_and_certainty", "information", "misses", "rank", "triggers"]
