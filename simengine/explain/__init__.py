"""Why a result is uncertain: a dataset in, a ranking out."""

from simengine.explain.averages import averages
from simengine.explain.certainty import impact_and_certainty
from simengine.explain.direction import direction
from simengine.explain.ranking import rank

__all__ = ["averages", "direction", "impact_and_certainty", "rank"]
