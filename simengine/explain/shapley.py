"""Shapley effects of a surrogate, in closed form: shares of variance that add up, whatever hangs together.

The variance that a coalition u of assumptions explains is `v(u) = Var(E[f | z_u])`, and the effect of one is what it
adds to v when it joins those before it, averaged over all orders (Owen, SIAM/ASA J. Uncertainty Quantification 2, 2014;
Song, Nelson and Staum, ibid. 4, 2016). With C = Cov(E[z | z_u]) of the coalition (`coalitions`) Mehler's formula gives
`Cov(E[h_k(z_i) | z_u], E[h_k(z_j) | z_u]) = C_ij^k`, and a quadratic form z'Az has `v(u) = 2 tr(A C A C)`: nothing is
sampled but the orders of more than twelve assumptions that hang together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simengine.explain.coalitions import CHANCE_WEIGHTS, coalitions, components, sizes
from simengine.explain.intervals import Floats
from simengine.explain.surrogate import Inputs, Terms

_DEPENDENT_STEPS = 8
"""Highest order up to which the values of a discrete assumption tell of other assumptions."""


@dataclass(frozen=True)
class Expansion:
    """What the terms of a surrogate are made of: its coefficients β in, Hermite coefficients and a quadratic form out.

    Attributes
    ----------
    orders : order k, not 2, to (inputs, terms): c_k = orders[k] @ β
    quadratic : (inputs, inputs, terms): A = quadratic @ β of the quadratic form z'Az − tr(AR)
    rest : input to (terms, terms): variance of its values beyond all orders, known where the input itself is
    """

    orders: dict[int, Floats]
    quadratic: Floats
    rest: dict[int, Floats]

    @staticmethod
    def of(inputs: Inputs, terms: Terms) -> Expansion:
        """Expand the terms of a surrogate."""
        k, count = inputs.z.shape[1], terms.count(inputs)
        orders: dict[int, Floats] = {}
        quadratic, rest = np.zeros((k, k, count)), {}

        def put(i: int, order: int, places: slice | int, values: Floats | float) -> None:
            if order == 2:  # h₂ = (z² − 1)/√2
                quadratic[i, i, places] = np.asarray(values) * math.sqrt(0.5)
            else:
                orders.setdefault(order, np.zeros((k, count)))[i, places] = values

        for place, (i, order) in enumerate(terms.hermite):
            put(i, order, place, 1.0)
        place = len(terms.hermite)
        for i in terms.steps:
            steps = inputs.steps[i]
            here = slice(place, place + len(steps.values) - 1)
            p = steps.probability[1:]
            left = np.diag(p) - np.outer(p, p)
            if not inputs.alone[i]:
                known = steps.hermite(_DEPENDENT_STEPS)[:, 1:]
                for order, row in enumerate(known, 1):
                    put(i, order, here, row)
                left = left - known.T @ known
            rest[i] = np.zeros((count, count))
            rest[i][here, here] = left
            place = here.stop
        for i, j in terms.pairs:
            quadratic[i, j, place] = quadratic[j, i, place] = 0.5
            place += 1
        return Expansion(orders, quadratic, rest)


class Effects:
    """Shapley effects of a surrogate, and what each assumption explains alone, as quadratic forms.

    Parameters
    ----------
    inputs, terms : of the surrogate
    """

    def __init__(self, inputs: Inputs, terms: Terms) -> None:
        self.expansion = Expansion.of(inputs, terms)
        self._correlation = inputs.correlation
        self._parts = components(inputs.correlation)

    @cached_property
    def shapley(self) -> Floats:
        """(k, terms, terms): φ_i = β' M_i β of all orders but the second."""
        k = len(self._correlation)
        total = {order: np.zeros((k, k, k)) for order in self.expansion.orders}
        for members in self._parts:
            block = np.ix_(members, members, members)
            for batch in coalitions(self._correlation[np.ix_(members, members)]):
                for order, power in powers(batch.covariance, total):
                    total[order][block] += np.tensordot(batch.shapley, power, 1)
        return self._assembled(total)

    def shapley_gradient(self, A: Floats) -> Floats:
        """(k, k, k): Γ_i = dφ_i/dA of the quadratic form, the Shapley value of 4 C A C; `φ_i = ⟨Γ_i, A⟩ / 2`.

        Components form their coalitions independently once every assumption is in with probability q, and the Shapley
        value is the average over q of what one adds (Owen, Management Science 18, 1972): `∫₀¹ E[ΔC_i] A E[C] dq`.
        """
        k, nodes = len(A), len(CHANCE_WEIGHTS)
        joining, mean = np.zeros((nodes, k, k, k)), np.zeros((nodes, k, k))
        inside, every = np.zeros((k, k, k)), np.arange(nodes)
        for members in self._parts:
            square, cube = np.ix_(members, members), np.ix_(members, members, members)
            among, of_members, of_others = A[square], sizes(len(members)), sizes(len(members) - 1)
            for batch in coalitions(self._correlation[square]):
                known = batch.covariance
                inside[cube] += np.tensordot(batch.shapley, known @ among @ known, 1)
                mean[np.ix_(every, members, members)] += np.multiply.outer(
                    of_members[:, batch.size], known.mean(axis=0)
                )
                for others, sign, weights in ((batch.size - 1, 1, batch.joined), (batch.size, -1, batch.left_out)):
                    if 0 <= others < len(members):
                        news = np.multiply.outer(sign * of_others[:, others], np.tensordot(weights, known, 1))
                        joining[np.ix_(every, members, members, members)] += news
        across = np.zeros((k, k, k))
        for weight, added, average in zip(CHANCE_WEIGHTS, joining, mean, strict=True):
            one_sided = weight * (added @ A @ average)
            across += one_sided + one_sided.transpose(0, 2, 1)
        for members in self._parts:
            across[np.ix_(np.arange(k), members, members)] = 0.0
        return 4 * (inside + across)

    def of(self, coefficients: Floats) -> Floats:
        """Shapley effects of the terms with these coefficients, (k,): exact, with nothing taken out for noise."""
        A = self.expansion.quadratic @ coefficients
        orders = np.einsum("iab,a,b->i", self.shapley, coefficients, coefficients)
        return np.asarray(orders + np.tensordot(self.shapley_gradient(A), A, 2) / 2)

    @cached_property
    def alone(self) -> Floats:
        """(k, terms, terms): what each assumption explains alone, v({i}) = β' M β, of all orders but the second."""
        known = np.einsum("ia,ib->iab", self._correlation, self._correlation)
        return self._assembled(dict(powers(known, self.expansion.orders)))

    def alone_gradient(self, A: Floats) -> Floats:
        """(k, k, k): the same for the quadratic form, 4 C A C with C = R_i R_i'."""
        known = np.einsum("ia,ib->iab", self._correlation, self._correlation)
        return np.asarray(4 * known @ A @ known)

    def _assembled(self, of_orders: dict[int, Floats]) -> Floats:
        """From the matrices of each order, (k, k, k)."""
        k, count = len(self._correlation), self.expansion.quadratic.shape[2]
        total = np.zeros((k, count, count))
        for order, matrix in of_orders.items():
            to = self.expansion.orders[order]
            total += to.T @ matrix @ to
        for i, rest in self.expansion.rest.items():
            total[i] += rest
        return total


def powers(covariance: Floats, orders: Collection[int]) -> Iterator[tuple[int, Floats]]:
    """Elementwise powers of a covariance, each order with its own."""
    power = np.ones_like(covariance)
    for order in range(1, max(orders, default=0) + 1):
        power = power * covariance
        if order in orders:
            yield order, power
