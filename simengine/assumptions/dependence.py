"""How assumptions hang together: common factors and rank correlations, joined by a Gaussian copula.

Each assumption i has a standard normal score `z_i = Σ_f l_if F_f + s_i Σ_{j≤i} L_ij e_j` and the value
`Q_i(Φ(z_i))`: F and e are independent standard normal, l the loadings, `s_i = sqrt(1 - Σ_f l_if²)`, and L the
Cholesky factor of the correlation matrix R of the residuals. A stated rank correlation ρ (Spearman) is the
total one. On the normal scale it is `r = 2 sin(π ρ / 6)` (Pearson 1907; exact for this copula), the factors
give `Σ_f l_af l_bf` of it, and `R_ab = (r - Σ_f l_af l_bf)/(s_a s_b)` is left to the residuals. R is 0 where
nothing is stated.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simengine.assumptions.spec import Bounds, Reader, SpecError, SpecProblem, nearest, quoted, share, shown

Array = NDArray[np.float64]
Weights = tuple[tuple[str, float], ...]
Pair = tuple[str, str]

_ROUNDING = 1e-10
"""An eigenvalue or pivot below it is zero but for rounding."""

_SMALLEST_LEFT_OVER = 0.01
"""Share of a score's variance that its factors must leave before a rank correlation of it can be stated."""

_LOADING = _CORRELATION = Bounds.within(-1, 1)


def to_normal_scale(rho: Array | float) -> Array:
    """Return Pearson's correlation of the normal scores from Spearman's rank correlation.

    >>> round(float(to_normal_scale(0.5)), 4)
    0.5176
    """
    return 2.0 * np.sin(np.pi * np.asarray(rho) / 6.0)


def to_rank_scale(r: Array | float) -> Array:
    """Return Spearman's rank correlation from Pearson's correlation of the normal scores."""
    return 6.0 / np.pi * np.arcsin(np.asarray(r) / 2.0)


@dataclass(frozen=True)
class Impossible:
    """Rank correlations that no set of numbers can have together, and the nearest ones that are possible.

    Both matrices hold total Spearman correlations, in the order of `names`. `nearest` can be stated as it is:
    it is rounded to three digits, and moved just so far inside that rounding does no harm.
    """

    names: tuple[str, ...]
    asked: Array
    nearest: Array
    stated: frozenset[Pair]

    def pairs(self) -> list[tuple[str, str, float, float]]:
        """Return each pair with what was asked and what is nearest."""
        n = len(self.names)
        return [
            (self.names[i], self.names[j], float(self.asked[i, j]), float(self.nearest[i, j]))
            for i in range(n)
            for j in range(i + 1, n)
        ]

    def table(self) -> str:
        """Return a small table to print: one line a pair."""
        width = max(map(len, self.names))
        lines = [f"{'':{2 * width + 2}}   asked  nearest possible"]
        for a, b, asked, nearest_ in self.pairs():
            note = "" if (a, b) in self.stated else "   (not stated)"
            lines.append(f"{a:{width}}  {b:{width}}  {asked:6.3f}  {nearest_:6.3f}{note}")
        return "\n".join(lines)


class DependenceError(SpecError):
    """Every mistake in factors and rank correlations; `impossible` has the matrices that cannot be."""

    def __init__(self, problems: Sequence[SpecProblem], impossible: Sequence[Impossible] = ()) -> None:
        super().__init__(problems)
        self.impossible = tuple(impossible)


@dataclass(frozen=True)
class Dependence:
    """A checked Gaussian copula. Build it with `Dependence.build`; `Dependence()` has nothing dependent.

    Attributes
    ----------
    loadings : for each dependent assumption its (factor, loading) pairs in the order of factor names
    residual : for each dependent assumption its (name, s_i · L_ij) pairs in the order of names
    """

    loadings: Mapping[str, Weights] = field(default_factory=dict)
    residual: Mapping[str, Weights] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Assumptions that share a factor or a stated rank correlation, sorted."""
        return tuple(sorted(self.residual))

    @classmethod
    def build(
        cls,
        names: Collection[str],
        factors: Mapping[str, Mapping[str, float]],
        rank_correlations: Sequence[tuple[str, str, float]] = (),
    ) -> Dependence:
        """Check factors and rank correlations, and turn them into the weights of a Gaussian copula.

        Parameters
        ----------
        names : all assumptions of the plan
        factors : for each factor, the loading of each assumption on it, in [-1, 1]
        rank_correlations : (name, name, total Spearman correlation)

        Raises
        ------
        DependenceError
            with every mistake; paths are like ("factors", "market", name) and ("rank_correlations", 0, "rho")

        Examples
        --------
        >>> d = Dependence.build(["a", "b"], {"market": {"a": 0.6, "b": 0.5}}, [("a", "b", 0.4)])
        >>> d.correlation_matrix(["a", "b"]).round(4).tolist()
        [[1.0, 0.4158], [0.4158, 1.0]]
        """
        reader = Reader()
        loadings = _read_loadings(reader, names, factors)
        stated = _read_correlations(reader, names, rank_correlations, loadings)
        if reader.problems:
            raise DependenceError(reader.problems)

        residual: dict[str, Weights] = {
            name: ((name, math.sqrt(_left_over(pairs))),) for name, pairs in loadings.items()
        }
        groups = [_Group.of(group, loadings, stated) for group in _connected(stated)]
        impossible = [group.impossible() for group in groups if not group.leaves_a_covariance(group.total)]
        if impossible:
            raise DependenceError([_problem(i) for i in impossible], impossible)
        for group in groups:
            residual.update(group.weights())
        return cls(loadings, residual)

    def correlation_matrix(self, names: Sequence[str]) -> Array:
        """Return Pearson's correlations of the normal scores, (n, n) in the order of `names`."""
        weights = [self._weights(name) for name in names]
        matrix = np.eye(len(names))
        for i, a in enumerate(weights):
            for j, b in enumerate(weights[:i]):
                matrix[i, j] = matrix[j, i] = math.fsum(a[key] * b[key] for key in a.keys() & b.keys())
        return matrix

    def _weights(self, name: str) -> dict[tuple[str, str], float]:
        """Return the weight of every factor and residual in a score."""
        common = {("factor", factor): weight for factor, weight in self.loadings.get(name, ())}
        return common | {("own", other): weight for other, weight in self.residual.get(name, ((name, 1.0),))}


def _left_over(pairs: Weights) -> float:
    """Return the share of a score's variance that the factors leave."""
    return max(0.0, 1.0 - math.fsum(loading**2 for _, loading in pairs))


def _read_loadings(
    reader: Reader, names: Collection[str], factors: Mapping[str, Mapping[str, float]]
) -> dict[str, Weights]:
    """Return for each assumption that loads on a factor its (factor, loading) pairs, sorted."""
    collected: dict[str, list[tuple[str, float]]] = {}
    for factor in sorted(factors):
        for name, raw in factors[factor].items():
            path = ("factors", factor, name)
            loading = reader.number(path, raw, _LOADING, "loading")
            if name not in names:
                reader.wrong(path, f"unknown assumption {quoted(name)}", nearest(name, names))
            elif loading != 0 and math.isfinite(loading):
                collected.setdefault(name, []).append((factor, loading))
    for name, pairs in collected.items():
        total = math.fsum(loading**2 for _, loading in pairs)
        if total > 1 + _ROUNDING:
            largest = max(pairs, key=lambda pair: abs(pair[1]))[0]
            terms = ", ".join(f"{factor} {shown(loading)}" for factor, loading in pairs)
            message = f"the squared loadings of {name} add up to {shown(total)} ({terms})"
            reader.wrong(("factors", largest, name), message, "squares that add up to 1 at most")
    return {name: tuple(pairs) for name, pairs in collected.items()}


def _read_correlations(
    reader: Reader,
    names: Collection[str],
    rank_correlations: Sequence[tuple[str, str, float]],
    loadings: Mapping[str, Weights],
) -> dict[Pair, float]:
    """Return the stated rank correlation of each pair, names of a pair sorted."""
    stated: dict[Pair, float] = {}
    for k, (a, b, raw) in enumerate(rank_correlations):
        path = ("rank_correlations", k)
        rho = reader.number((*path, "rho"), raw, _CORRELATION, "rank correlation")
        for side, name in enumerate((a, b)):
            left = _left_over(loadings.get(name, ()))
            if name not in names:
                reader.wrong((*path, "between", side), f"unknown assumption {quoted(name)}", nearest(name, names))
            elif left < _SMALLEST_LEFT_OVER:
                message = f"the factors leave {name} {share(left)} of its variance to correlate"
                wanted = f"smaller loadings, which leave at least {share(_SMALLEST_LEFT_OVER)}"
                reader.wrong((*path, "between", side), message, wanted)
        pair = (min(a, b), max(a, b))
        if a == b:
            reader.wrong((*path, "between"), f"{a} is paired with itself", "two different assumptions")
        elif pair in stated:
            reader.wrong((*path, "between"), f"{a} and {b} are paired twice", "each pair once")
        stated[pair] = rho
    return stated


def _connected(pairs: Iterable[Pair]) -> list[tuple[str, ...]]:
    """Return the groups of names that are joined by pairs, each sorted."""
    group_of: dict[str, set[str]] = {}
    for a, b in pairs:
        joined = group_of.get(a, {a}) | group_of.get(b, {b})
        group_of.update(dict.fromkeys(joined, joined))
    return sorted({tuple(sorted(group)) for group in group_of.values()})


@dataclass(frozen=True)
class _Group:
    """Assumptions joined by stated rank correlations: the total correlations of their scores that are asked for.

    Attributes
    ----------
    names : (n,) sorted
    total : (n, n) Pearson's correlations of the scores: as stated, or what the factors give
    given : (n, n) the part of `total` that the factors give; its diagonal is the share of variance they explain
    stated : pairs with a stated correlation
    """

    names: tuple[str, ...]
    total: Array
    given: Array
    stated: frozenset[Pair]

    @classmethod
    def of(cls, names: tuple[str, ...], loadings: Mapping[str, Weights], stated: Mapping[Pair, float]) -> _Group:
        """Collect what is asked for these names."""
        weights = [dict(loadings.get(name, ())) for name in names]
        given = np.array(
            [[math.fsum(a[f] * b[f] for f in sorted(a.keys() & b.keys())) for b in weights] for a in weights]
        )
        total = given.copy()
        np.fill_diagonal(total, 1.0)
        inside = frozenset(pair for pair in stated if pair[0] in names)
        for a, b in inside:
            i, j = names.index(a), names.index(b)
            total[i, j] = total[j, i] = to_normal_scale(stated[a, b])
        return cls(names, total, given, inside)

    def leaves_a_covariance(self, total: Array) -> bool:
        """Return True if what the factors leave of `total` is a covariance matrix."""
        return bool(np.linalg.eigvalsh(total - self.given)[0] >= -_ROUNDING)

    def weights(self) -> dict[str, Weights]:
        """Return the residual weights `s_i L_ij`: the Cholesky factor of the covariance that the factors leave.

        In plain Python: the same bits whatever linear algebra library there is.
        """
        covariance = (self.total - self.given).tolist()
        rows: list[list[float]] = []
        for i, wanted in enumerate(covariance):
            row: list[float] = []
            for j in range(i):
                pivot = rows[j][j]
                rest = wanted[j] - math.fsum(row[k] * rows[j][k] for k in range(j))
                row.append(rest / pivot if pivot else 0.0)
            own = wanted[i] - math.fsum(x * x for x in row)
            row.append(math.sqrt(own) if own > _ROUNDING else 0.0)
            rows.append(row)
        return {
            name: tuple((other, x) for other, x in zip(self.names, row, strict=False) if x != 0.0)
            for name, row in zip(self.names, rows, strict=True)
        }

    def impossible(self) -> Impossible:
        """Return what was asked and the nearest that is possible, as rank correlations."""
        return Impossible(self.names, to_rank_scale(self.total).round(12), self._nearest(), self.stated)

    def _nearest(self) -> Array:
        closest = nearest_covariance(self.total - self.given)
        alone = np.diag(np.diag(closest))
        for digits in (3, 6, 9):
            for pull in (0.0, *np.geomspace(1e-4, 1.0, 60)):
                rho = to_rank_scale(self.given + closest + pull * (alone - closest)).round(digits) + 0.0  # no -0.0
                if self.leaves_a_covariance(to_normal_scale(rho)):
                    return rho
        raise AssertionError("nine digits always suffice: each residual has a share of the variance")


def nearest_covariance(matrix: Array) -> Array:
    """Return the covariance matrix with the same diagonal that is nearest in the Frobenius norm.

    Alternating projections on the matrices without negative eigenvalues and on those with this diagonal, with
    Dykstra's correction. Source: N. J. Higham, Computing the nearest correlation matrix, IMA J. Numer. Anal.
    22 (2002) 329-343.

    Parameters
    ----------
    matrix : (n, n) symmetric, its diagonal above zero
    """
    diagonal = np.diag(matrix).copy()
    near, correction = matrix, np.zeros_like(matrix)
    for _ in range(10_000):
        shifted = near - correction
        values, vectors = np.linalg.eigh(shifted)
        projected = (vectors * np.maximum(values, 0.0)) @ vectors.T
        correction = projected - shifted
        before, near = near, projected.copy()
        np.fill_diagonal(near, diagonal)
        if np.abs(near - before).max() < 1e-12 and np.abs(near - projected).max() < 1e-9:
            break
    return near


def _problem(impossible: Impossible) -> SpecProblem:
    changed = [f"{a} ~ {b} {near:g}" for a, b, asked, near in impossible.pairs() if abs(asked - near) >= 1e-3]
    listed = ", ".join(changed[:10]) + (", ..." if len(changed) > 10 else "")
    message = f"no numbers can have these correlations together ({', '.join(impossible.names)})"
    return SpecProblem(("rank_correlations",), message, f"for example the nearest possible: {listed}")
