"""Every output of a run, declared once: what it counts, in which unit, and how months add up to a quarter or a year.

`python -m simengine.results.outputs` prints docs/outputs.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from simengine.plan.schema import METRICS

Kind = Literal["flow", "stock", "ratio"]
Form = Literal["company", "segment", "role", "channel", "stage", "path", "opening"]


class Output(NamedTuple):
    """One quantity of the result.

    Over a period a `flow` is the sum of its months, a `stock` the last of them; a `ratio` is taken of such sums, path
    by path. `kept` says in which forms it is stored.
    """

    name: str
    unit: str
    kind: Kind
    kept: tuple[Form, ...]
    text: str

    def variables(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Names and dimensions of the variables that hold it in the dataset."""
        for form in self.kept:
            suffix, dims = FORMS[form]
            yield self.name + suffix, dims

    def attributes(self, currency: str) -> dict[str, str]:
        """Attributes of its variables; money is in `currency`."""
        return {
            "units": currency if self.unit == "currency" else self.unit,
            "long_name": self.text,
            "kind": self.kind,
        }


FORMS: dict[Form, tuple[str, tuple[str, ...]]] = {
    "company": ("", ("draw", "month")),
    "segment": ("_by_segment", ("month", "segment")),
    "role": ("_by_role", ("month", "role")),
    "channel": ("_by_channel", ("month", "channel", "segment")),
    "stage": ("", ("month", "channel", "segment", "stage")),
    "path": ("", ("draw",)),
    "opening": ("", ("segment",)),
}
"""Suffix of the variable's name, and its dimensions. Without `draw`, it is the mean over draws."""

PathSuffix = Literal["", "_twin", "_baseline", "_unwidened"]

PATH_DIMS: dict[PathSuffix, str] = {"": "draw", "_twin": "twin", "_baseline": "case", "_unwidened": "draw_unwidened"}
"""Dimension along which the paths of a variable are laid, by the last part of its name."""

_BOTH: tuple[Form, ...] = ("company", "segment")

OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        Output("new_arr", "currency", "flow", _BOTH, "ARR of new customers"),
        Output("expansion_arr", "currency", "flow", _BOTH, "ARR added by upsell and cross-sell"),
        Output("price_arr", "currency", "flow", _BOTH, "ARR added by price increases at renewal"),
        Output("contraction_arr", "currency", "flow", _BOTH, "ARR lost at renewal by customers who stay"),
        Output("churned_arr", "currency", "flow", _BOTH, "ARR of customers who leave"),
        Output("net_new_arr", "currency", "flow", ("company",), "Change of ARR"),
        Output("ending_arr", "currency", "stock", _BOTH, "ARR at the end of the month"),
        Output("one_off_bookings", "currency", "flow", _BOTH, "Won deals that are no subscription"),
        Output("bookings", "currency", "flow", ("company", "channel"), "New ARR and one-off bookings"),
        Output("customers", "count", "stock", _BOTH, "Customers at the end of the month"),
        Output("new_customers", "count", "flow", _BOTH, "New customers"),
        Output("churned_customers", "count", "flow", _BOTH, "Customers who leave"),
        Output("nrr", "fraction", "ratio", (), "Net revenue retention: ARR of last year's customers, now / then"),
        Output("grr", "fraction", "ratio", (), "Gross revenue retention: NRR with each customer capped at then"),
        Output("won", "count", "flow", ("company", "segment", "channel"), "Won deals"),
        Output("opportunities", "count", "flow", _BOTH, "Opportunities that arrive"),
        Output("headcount", "count", "stock", ("company", "role"), "People at the end of the month"),
        Output("sm_spend", "currency", "flow", ("company",), "Sales and marketing spend"),
        Output("cac_new_logo", "factor", "ratio", (), "New-logo CAC ratio: S&M spend / new ARR"),
        Output("cac_blended", "factor", "ratio", (), "Blended CAC ratio: S&M spend / new and expansion ARR"),
        Output("cac_payback", "months", "ratio", (), "CAC payback: 12 · S&M spend / (new ARR · gross margin)"),
        Output("ltv_cac", "factor", "ratio", (), "Lifetime gross profit of a customer / S&M spend per new customer"),
        Output("magic_number", "factor", "ratio", (), "Net new ARR / S&M spend"),
        Output("sm_share", "fraction", "ratio", (), "S&M spend / revenue"),
        Output("revenue", "currency", "flow", ("company",), "Revenue: a twelfth of mean ARR, and one-off bookings"),
        Output("nrr_arr", "currency", "stock", _BOTH, "ARR now of the customers of 12 months before"),
        Output("grr_arr", "currency", "stock", _BOTH, "As nrr_arr, each customer capped at the ARR of then"),
        Output("atr", "currency", "flow", ("segment",), "ARR available to renew"),
        Output("renewals_due", "count", "flow", ("segment",), "Customers whose term ends"),
        Output("renewals", "count", "flow", ("segment",), "Customers who renew"),
        Output("expansions", "count", "flow", ("segment",), "Upsells and cross-sells won"),
        Output("started", "count", "flow", ("segment",), "Opportunities taken up, by sellers or in self-service"),
        Output("stale", "count", "flow", ("segment",), "Opportunities that waited too long"),
        Output("lost", "count", "flow", ("segment",), "Lost deals"),
        Output("open", "count", "stock", ("segment",), "Opportunities being worked at the end of the month"),
        Output("waiting", "count", "stock", ("segment",), "Opportunities waiting for a seller at the end of the month"),
        Output("capacity", "count", "stock", ("segment",), "Opportunities that sellers can carry (infinite: no limit)"),
        Output("starts", "count", "flow", ("role",), "People who start"),
        Output("leavers", "count", "flow", ("role",), "People who leave"),
        Output("ramped", "count", "stock", ("role",), "Ramped equivalents of the people working"),
        Output("gross_margin", "fraction", "ratio", ("path",), "Gross margin"),
        Output("opening_arr", "currency", "stock", ("opening",), "ARR when the plan starts"),
        Output("opening_customers", "count", "stock", ("opening",), "Customers when the plan starts"),
        Output("reached", "count", "flow", ("stage",), "Arrivals at a stage of the funnel"),
    )
}
"""Every quantity by name."""


def stored(form: Form) -> tuple[str, ...]:
    """Names of the outputs that are kept in a form."""
    return tuple(output.name for output in OUTPUTS.values() if form in output.kept)


def page() -> str:
    """The table as a page of the documentation."""
    lines = [
        "# Outputs",
        "",
        "Every quantity of a result, declared in `simengine/results/outputs.py`. This page is made by",
        "`python -m simengine.results.outputs`.",
        "",
        "Over a quarter or a year a *flow* is the sum of its months, a *stock* the last of them, and a *ratio* is",
        "taken of such sums, path by path (model.md, section 3). Variables with the dimension `draw` hold every path;",
        "the others hold means over the paths. What is kept by path is there again with `_twin` (twin paths: the same",
        "assumptions, other random variation) and `_baseline` (the spreadsheet's answer, by `case`). A *metric* is",
        "what a target may name. With the detail `segment`, the variables `..._by_segment` are kept by path.",
        "",
        "| output | unit | kind | metric | variables | what it is |",
        "|---|---|---|---|---|---|",
    ]
    for output in OUTPUTS.values():
        variables = ", ".join(f"`{name}` ({', '.join(dims)})" for name, dims in output.variables())
        metric = "yes" if output.name in METRICS else ""
        lines.append(f"| `{output.name}` | {output.unit} | {output.kind} | {metric} | {variables} | {output.text} |")
    return "\n".join([*lines, *_BESIDE]) + "\n"


_BESIDE = (
    "",
    "## Beside the outputs",
    "",
    "- `target_value` (draw, target): the metric of each target, path by path; also with `_twin`, `_baseline`, and",
    "  `_unwidened` (along `draw_unwidened`: paths drawn without the source policy).",
    "- `assumption_value`, `assumption_z` (draw, assumption): what was drawn for each path, in the assumption's unit",
    "  and as a normal score.",
    "- `month` is written like 2027-01; `case` is operating plan, medians or means.",
    "- Along `segment` stand its labels; along `assumption` `plan_value`, `unit`, `source_kind`, `owner`, `adverse`;",
    "  along `target` `metric`, `period`, `where`, `at_least`, `at_most` and `confidence` (NaN where not given).",
    "- Each variable has `units` (of money: the currency), `long_name` and `kind`.",
)


if __name__ == "__main__":
    print(page(), end="")
