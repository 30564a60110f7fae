"""What a plan's assumptions are now: the prior conditioned on everything that was observed, as draws.

The prior is the plan's: the laws of its assumptions and events as simulated, joined by its copula. In its normal
scores z it is N(0, Σ), and the posterior is proportional to N(z; 0, Σ) · Π L_i(Q(Φ(z))), one likelihood for each
piece of evidence. Monthly shocks and how productive people happen to be are scores beside the assumptions: they are
drawn with them and left out of what is returned, so that no month's luck is taken for knowledge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simengine.assumptions.dependence import Dependence
from simengine.assumptions.draws import latent, uniforms, values_at
from simengine.assumptions.laws import Distribution
from simengine.errors import SimengineError
from simengine.learn.evidence import Evidence, evidence_of
from simengine.learn.history import History
from simengine.learn.piece import Array, Piece, Point
from simengine.learn.slice import Ensemble, effective_draws, split_rhat
from simengine.plan.schema import Plan
from simengine.timeline import shock_levels

CHAINS = 256
STEPS = 64
"""Of the first round; each of the next is twice as long."""
MOST_RHAT = 1.1
"""Of so many chains it is near sqrt(1 + τ/n) when all is well: n states in a half-chain, each worth 1/τ of a draw."""
LEAST_EFFECTIVE = 400
_ROUNDS = 5
_CORRELATED = 1e-9
_FIGURES = 0.05, 0.5, 0.95


@dataclass(frozen=True)
class Posterior:
    """Draws of a plan's assumptions and events, given what was observed.

    Attributes
    ----------
    names : (k,) assumptions and events, sorted
    z : (n, k) normal scores
    values : (n, k) values, in the units of the assumptions
    laws : of each name its prior, as simulated
    dependence : the prior's
    months : months of the plan that are past
    spoken : what evidence spoke of an assumption, or with which it moves
    direct : those of `spoken` of which records speak themselves
    records : how many records speak of an assumption
    kept : why an assumption, event or shock keeps its prior
    together : groups of names that the prior or the evidence ties together, where something was observed
    shocks : level of each shock in the past months, (n, months), where evidence hangs on it
    rhat, ess : split R-hat, and effective number of draws, of each name; 1 and n where the prior was drawn
    evaluations : of the likelihood
    """

    names: tuple[str, ...]
    z: Array
    values: Array
    laws: Mapping[str, Distribution]
    dependence: Dependence
    months: int
    spoken: Mapping[str, str]
    direct: frozenset[str]
    records: Mapping[str, int]
    kept: Mapping[str, str]
    together: tuple[tuple[str, ...], ...]
    shocks: Mapping[str, Array]
    rhat: Mapping[str, float]
    ess: Mapping[str, float]
    evaluations: int

    def column(self, name: str) -> Array:
        """The draws of one assumption or event, (n,)."""
        return np.asarray(self.values[:, self.names.index(name)])

    @property
    def prior(self) -> Array:
        """Quantiles of the prior at 5, 50 and 95 %, (k, 3)."""
        return np.array([self.laws[name].ppf(_FIGURES) for name in self.names])

    @property
    def quantiles(self) -> Array:
        """Quantiles of the posterior at 5, 50 and 95 %, (k, 3)."""
        return np.asarray(np.quantile(self.values, _FIGURES, axis=0).T)


def learn(
    plan: Plan,
    history: History,
    *,
    laws: Mapping[str, Distribution] | None = None,
    dependence: Dependence | None = None,
    draws: int = 4096,
    seed: int = 7,
) -> Posterior:
    """The posterior of every assumption and event of a plan, given a history.

    Parameters
    ----------
    plan : the plan whose numbers are learned
    history : what is known
    laws : the prior, if it is not that of the plan; of every assumption and event
    dependence : the prior's copula, if it is not that of the plan
    draws : how many to return
    seed : of the chance

    Raises
    ------
    SimengineError
        when the chains do not agree after thirty times as many steps as usual
    """
    laws = dict(sorted((plan.widened() if laws is None else laws).items()))
    joined = plan.copula() if dependence is None else dependence
    return _posterior(evidence_of(plan, history), laws, joined, draws, seed)


def _posterior(
    evidence: Evidence, laws: Mapping[str, Distribution], dependence: Dependence, draws: int, seed: int
) -> Posterior:
    names = tuple(laws)
    parts = _parts(evidence, laws, dependence)
    z, shocks = np.full((draws, len(names)), np.nan), dict[str, Array]()
    rhat, ess = dict.fromkeys(names, 1.0), dict.fromkeys(names, float(draws))
    evaluations = 0
    for part in parts:
        found = part.drawn(draws, seed)
        z[:, [names.index(name) for name in part.names]] = found.z
        shocks |= found.shocks
        rhat |= dict(zip(part.names, found.rhat.tolist(), strict=True))
        ess |= dict(zip(part.names, found.ess.tolist(), strict=True))
        evaluations += found.evaluations
    _fill(z, names, dependence, seed)
    values = values_at(laws, z)
    spoken, kept, together = _told(evidence, names, parts, dependence, z)
    return Posterior(
        names,
        z,
        values,
        laws,
        dependence,
        evidence.months,
        spoken,
        frozenset(evidence.spoken),
        evidence.records,
        kept,
        together,
        shocks,
        rhat,
        ess,
        evaluations,
    )


@dataclass(frozen=True)
class _Drawn:
    z: Array
    shocks: Mapping[str, Array]
    rhat: Array
    ess: Array
    evaluations: int


@dataclass(frozen=True)
class _Part:
    """Assumptions, shocks and chance of its own that pieces or the prior tie together; independent of all others."""

    evidence: Evidence
    pieces: tuple[Piece, ...]
    names: tuple[str, ...]
    shocks: tuple[str, ...]
    own: tuple[str, ...]
    laws: Mapping[str, Distribution]
    covariance: Array

    @property
    def dimensions(self) -> int:
        return len(self.names) + len(self.shocks) * self.evidence.months + len(self.own)

    def log_likelihood(self, x: Array) -> Array:
        """Of scores, (n, d): those of the assumptions, innovations of the shocks month by month, one's own."""
        plan, k = self.evidence.plan, len(self.names)
        values = dict(zip(self.names, values_at(self.laws, x[:, :k]).T, strict=True)) if k else {}
        own = dict(zip(self.own, x[:, self.dimensions - len(self.own) :].T, strict=True))
        levels = self.levels(x)
        shocks = {}
        for shock, level in levels.items():
            shocks[shock] = np.zeros((len(x), plan.plan.months))
            shocks[shock][:, : self.evidence.months] = level
        point = Point(plan, values, shocks, own)
        total = np.zeros(len(x))
        for piece in self.pieces:
            total += piece.log_likelihood(point)
        return total

    def levels(self, x: Array) -> dict[str, Array]:
        """Level of each shock in the past months."""
        k, months = len(self.names), self.evidence.months
        return {
            shock: shock_levels(
                self.evidence.plan.shocks[shock].persistence, x[:, k + s * months : k + (s + 1) * months]
            )
            for s, shock in enumerate(self.shocks)
        }

    def drawn(self, draws: int, seed: int) -> _Drawn:
        """Draws of the part's posterior."""
        d, k = self.dimensions, len(self.names)
        covariance = np.eye(d)
        covariance[:k, :k] = self.covariance
        ensemble = Ensemble(self.log_likelihood, covariance, CHAINS, _generator(seed, (*self.names, *self.shocks)))
        wanted, steps = max(LEAST_EFFECTIVE, draws / 4), max(STEPS, 4 * -(-draws // CHAINS))
        for _ in range(_ROUNDS):
            states = ensemble.run(steps)
            rhat, ess = split_rhat(states[:, :, :k]), effective_draws(states[:, :, :k])
            if (rhat <= MOST_RHAT).all() and (ess >= wanted).all():
                break
            ensemble.adapt(states[steps // 2 :])
            steps *= 2
        else:
            raise SimengineError(self._apart(rhat))
        kept = -(-draws // CHAINS)
        chosen = states[np.linspace(len(states) - 1, 0, kept, endpoint=False).astype(np.int64)]
        flat = chosen.reshape(-1, d)[:draws]
        return _Drawn(flat[:, :k], self.levels(flat), rhat, ess, ensemble.evaluations)

    def _apart(self, rhat: Array) -> str:
        worst = [self.names[i] for i in np.argsort(-rhat)[:3]]
        return (
            f"what is learned of {', '.join(worst)} did not settle (R-hat {rhat.max():.2f}): the actuals fit two "
            "or more different sets of numbers, or contradict the prior by far; look at the actuals of these "
            "assumptions, and widen the prior where they are right"
        )


def _generator(seed: int, names: Sequence[str]) -> np.random.Generator:
    digest = hashlib.blake2b("/".join([str(seed), *names]).encode(), digest_size=16, person=b"simengine learn").digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def _parts(evidence: Evidence, laws: Mapping[str, Distribution], dependence: Dependence) -> list[_Part]:
    """What the pieces speak of, divided into independent parts."""
    touched = sorted({name for piece in evidence.pieces for name in piece.needs})
    groups = [
        {*(("name", n) for n in piece.needs), *(("shock", s) for s in piece.shocks), *(("own", o) for o in piece.own)}
        for piece in evidence.pieces
    ]
    matrix = dependence.correlation_matrix(touched)
    groups += [{("name", touched[i]), ("name", touched[j])} for i, j in _tied(matrix)]
    found = []
    for members in _joined(groups):
        names, shocks, own = (tuple(sorted(n for kind, n in members if kind == word)) for word in _KINDS)
        mine = {("name", n) for n in names} | {("shock", s) for s in shocks}
        pieces = tuple(
            piece
            for piece in evidence.pieces
            if mine & {*(("name", n) for n in piece.needs), *(("shock", s) for s in piece.shocks)}
        )
        if names or shocks:
            covariance = dependence.correlation_matrix(names)
            found.append(_Part(evidence, pieces, names, shocks, own, {n: laws[n] for n in names}, covariance))
    return found


_KINDS = "name", "shock", "own"


def _joined(groups: Iterable[set[tuple[str, str]]]) -> list[set[tuple[str, str]]]:
    """Sets that have no member in common."""
    apart: list[set[tuple[str, str]]] = []
    for group in groups:
        touching = [other for other in apart if other & group]
        apart = [other for other in apart if not other & group]
        if group:
            apart.append(group.union(*touching))
    return sorted(apart, key=min)


def _tied(matrix: Array) -> list[tuple[int, int]]:
    """Places of the pairs that a matrix correlates."""
    rows, columns = np.nonzero(np.triu(np.abs(matrix) > _CORRELATED, 1))
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _fill(z: Array, names: Sequence[str], dependence: Dependence, seed: int) -> None:
    """Scores of names that no piece touches: of the prior, given those that one does."""
    from scipy.special import ndtri

    known = ~np.isnan(z[0])
    if not known.any():
        z[:] = latent(names, dependence, seed, 0, len(z))
        return
    own = ndtri(uniforms(seed, names, 0, len(z))).T
    joined = np.array([name in dependence.residual for name in names])
    free, given, rest = (
        np.flatnonzero(chosen).tolist() for chosen in (~known & ~joined, known & joined, ~known & joined)
    )
    z[:, free] = own[:, free]
    if not rest:
        return
    matrix = dependence.correlation_matrix([names[i] for i in (*given, *rest)])
    g = len(given)
    pull = np.linalg.lstsq(matrix[:g, :g], matrix[:g, g:], rcond=None)[0] if g else np.zeros((0, len(rest)))
    left = matrix[g:, g:] - matrix[g:, :g] @ pull
    values, vectors = np.linalg.eigh(left)
    z[:, rest] = z[:, given] @ pull + own[:, rest] @ (vectors * np.sqrt(np.maximum(values, 0.0))).T


def _told(
    evidence: Evidence, names: Sequence[str], parts: Sequence[_Part], dependence: Dependence, z: Array
) -> tuple[dict[str, str], dict[str, str], tuple[tuple[str, ...], ...]]:
    """What spoke of each name, why it keeps its prior, and what hangs together."""
    matrix = dependence.correlation_matrix(names)
    index = {name: i for i, name in enumerate(names)}
    groups = [{("name", name) for name in part.names} for part in parts]
    groups += [{("name", names[i]), ("name", names[j])} for i, j in _tied(matrix)]
    spoken, together = dict(evidence.spoken), []
    for group in _joined(groups):
        members = sorted(name for _, name in group)
        heard = [name for name in members if name in evidence.spoken]
        if not heard:
            continue
        together.append(tuple(members))
        scores = np.atleast_2d(np.corrcoef(z[:, [index[name] for name in members]].T))
        place = {name: i for i, name in enumerate(members)}
        for name in members:
            if name not in spoken:
                closest = max(heard, key=lambda other: abs(scores[place[name], place[other]]))
                spoken[name] = f"moves with {closest}"
    kept = {name: reason for name, reason in evidence.unspoken.items() if name not in spoken}
    return dict(sorted(spoken.items())), kept, tuple(together)
