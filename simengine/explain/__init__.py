"""Why a result is uncertain, and what would have to be seen to doubt it: a dataset in, a dataset out."""

from simengine.explain.averages import averages
from simengine.explain.certainty import impact_and_certainty
from simengine.explain.direction import direction
from simengine.explain.information import information
from simengine.explain.ranking import rank
from simengine.explain.trigger_points import triggers

__all__ = ["averages", "direction", "impact_and_certainty", "information", "rank", "triggers"]
