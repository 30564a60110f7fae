"""Every output of a run, declared once: what it counts, in which unit, and how months add up to a quarter or a year.

`python -m simengine.results.outputs` prints docs/outputs.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from simengine.plan.targets import MEASURES
from simengine.results.paths import Kind

Form = Literal[
    "company",
    "segment",
    "role",
    "team",
    "channel",
    "territory",
    "stage",
    "spend",
    "event",
    "part",
    "of_channel",
    "of_segment",
    "path",
    "start",
    "opening",
    "history",
    "watched",
    "past",
    "past of the company",
]


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
    "team": ("_by_team", ("month", "team")),
    "channel": ("_by_channel", ("month", "channel", "segment")),
    "territory": ("_by_territory", ("month", "territory")),
    "stage": ("", ("month", "channel", "segment", "stage")),
    "spend": ("_by_channel", ("month", "channel")),
    "event": ("", ("month", "event")),
    "part": ("", ("draw", "year", "part")),
    "of_channel": ("_of_channel", ("draw", "year", "channel")),
    "of_segment": ("_of_segment", ("draw", "year", "segment")),
    "path": ("", ("draw",)),
    "start": ("_by_segment", ("segment",)),
    "opening": ("", ("segment",)),
    "history": ("", ("month",)),
    "past": ("_past", ("past_month", "segment")),
    "past of the company": ("_past", ("past_month",)),
}
"""Suffix of the variable's name, and its dimensions. Without `draw`, it is the mean over draws, or known."""

PathSuffix = Literal["", "_twin", "_baseline", "_unwidened", "_streamed"]

PATH_DIMS: dict[PathSuffix, str] = {
    "": "draw",
    "_twin": "twin",
    "_baseline": "case",
    "_unwidened": "draw_unwidened",
    "_streamed": "draw_streamed",
}
"""Dimension along which the paths of a variable are laid, by the last part of its name."""

COUNTED = ("ending_arr", "net_new_arr", "bookings", "revenue", "cash")
"""Outputs of which a streamed run keeps a histogram by month."""

KERNEL_NAMES = {
    "rated_at_quota": "at_quota",
    "rated_near_quota": "near_quota",
    "rated_below_half": "below_half",
}
"""What the kernel calls outputs whose name here is that of a metric."""

_BOTH: tuple[Form, ...] = ("company", "segment")
_TOLD: tuple[Form, ...] = (*_BOTH, "past")
_PEOPLE: tuple[Form, ...] = ("role", "team")
_SEATS: tuple[Form, ...] = ("company", *_PEOPLE)
_YEARLY: tuple[Form, ...] = ("of_channel", "of_segment")

OUTPUTS: dict[str, Output] = {
    output.name: output
    for output in (
        # ARR
        Output("new_arr", "currency", "flow", (*_TOLD, "channel"), "ARR of new customers"),
        Output("expansion_arr", "currency", "flow", _TOLD, "ARR added by upsell and cross-sell"),
        Output("price_arr", "currency", "flow", _TOLD, "ARR added by price increases at renewal"),
        Output("contraction_arr", "currency", "flow", _TOLD, "ARR lost at renewal by customers who stay"),
        Output("churned_arr", "currency", "flow", _TOLD, "ARR of customers who leave"),
        Output("net_new_arr", "currency", "flow", ("company", "past"), "Change of ARR"),
        Output("ending_arr", "currency", "stock", _TOLD, "ARR at the end of the month"),
        Output("live_arr", "currency", "stock", ("company",), "ARR at the end of the month that is live"),
        Output("went_live", "currency", "flow", ("segment",), "New ARR that goes live"),
        Output("opening_arr", "currency", "stock", ("opening",), "ARR when the plan starts"),
        Output("one_off_bookings", "currency", "flow", _TOLD, "Won deals that are no subscription"),
        Output("bookings", "currency", "flow", ("company", "channel", "past"), "New ARR and one-off bookings"),
        Output("new_from_pipeline", "currency", "flow", _BOTH, "New ARR from the opening pipeline"),
        Output("new_from_existing", "currency", "flow", _BOTH, "New ARR, not in pipeline yet, of existing people"),
        Output("new_from_hires", "currency", "flow", _BOTH, "New ARR, not in pipeline yet, of hires not yet made"),
        Output("new_without_seller", "currency", "flow", _BOTH, "New ARR, not in pipeline yet, that nobody sells"),
        Output("composition", "currency", "flow", ("part",), "Ending ARR of the fiscal year by what it is made of"),
        # customers and retention
        Output("customers", "count", "stock", _TOLD, "Customers at the end of the month"),
        Output("new_customers", "count", "flow", _TOLD, "New customers"),
        Output("churned_customers", "count", "flow", _TOLD, "Customers who leave"),
        Output("opening_customers", "count", "stock", ("opening",), "Customers when the plan starts"),
        Output("nrr", "fraction", "ratio", (), "Net revenue retention: ARR of last year's customers, now / then"),
        Output("grr", "fraction", "ratio", (), "Gross revenue retention: NRR with each customer capped at then"),
        Output("nrr_arr", "currency", "stock", _BOTH, "ARR now of the customers of 12 months before"),
        Output("grr_arr", "currency", "stock", _BOTH, "As nrr_arr, each customer capped at the ARR of then"),
        Output("net_history", "fraction", "ratio", ("history",), "ARR at the start of last year's customers / then"),
        Output("gross_history", "fraction", "ratio", ("history",), "As net_history, each customer capped at then"),
        Output("atr", "currency", "flow", _BOTH, "ARR available to renew"),
        Output("renewals_due", "count", "flow", ("segment",), "Customers whose term ends"),
        Output("renewals", "count", "flow", ("segment",), "Customers who renew"),
        Output("renewal_coverage", "fraction", "stock", ("segment",), "Capacity for renewals / load, at most 1"),
        Output("expansions_met", "count", "flow", ("segment",), "Expansion opportunities of customers"),
        Output("expansions_worked", "count", "flow", ("segment",), "Expansion opportunities that are worked"),
        Output("expansions", "count", "flow", ("segment",), "Upsells and cross-sells won"),
        Output("expansion_coverage", "fraction", "stock", ("segment",), "Capacity for expansion / load, at most 1"),
        # demand and pipeline
        Output("reached", "count", "flow", ("stage",), "Arrivals at a stage of the funnel"),
        Output("dropped", "count", "flow", ("channel",), "Arrivals that nobody had the hours to qualify"),
        Output("opportunities", "count", "flow", (*_TOLD, "channel"), "Opportunities that arrive"),
        Output("started", "count", "flow", ("segment", "territory"), "Opportunities taken up, or in self-service"),
        Output("stale", "count", "flow", ("segment", "territory"), "Opportunities that waited too long"),
        Output("won", "count", "flow", (*_TOLD, "channel"), "Won deals"),
        Output("lost", "count", "flow", _BOTH, "Lost deals"),
        Output("open", "count", "stock", ("segment",), "Opportunities being worked at the end of the month"),
        Output("waiting", "count", "stock", ("segment", "territory"), "Opportunities waiting at the end of the month"),
        Output("pipeline", "currency", "stock", _BOTH, "Expected value of what is open or waiting"),
        Output(
            "opening_pipeline", "currency", "stock", ("path", "start"), "Expected value of what is open at the start"
        ),
        Output("pipeline_coverage", "factor", "ratio", (), "Pipeline when the period begins / its bookings"),
        Output("capacity", "count", "stock", ("segment", "territory"), "What sellers can carry (infinite: no limit)"),
        Output("arrived", "count", "flow", ("territory",), "Opportunities that sellers are to work"),
        Output("load", "count", "stock", ("territory",), "What sellers' room is taken by at the end of the month"),
        # people
        Output("headcount", "count", "stock", _SEATS, "People at the end of the month"),
        Output("ramped", "count", "stock", _SEATS, "Ramped equivalents of the people working"),
        Output("working", "count", "stock", _PEOPLE, "People who work in the month"),
        Output("starts", "count", "flow", _PEOPLE, "People who start"),
        Output("recruited", "count", "flow", _PEOPLE, "People who start and were recruited"),
        Output("frozen", "count", "flow", _PEOPLE, "Starts put off by the hiring freeze"),
        Output("leavers", "count", "flow", _PEOPLE, "People who leave"),
        Output("involuntary", "count", "flow", _PEOPLE, "People who are let go"),
        Output("promoted", "count", "flow", _PEOPLE, "People who are promoted"),
        # quotas
        Output("quota", "currency", "flow", _SEATS, "Quotas of the people working, in the company of those who sell"),
        Output("credited", "currency", "flow", ("company", *_PEOPLE, "territory"), "Bookings credited to sellers"),
        Output("attainment", "fraction", "ratio", (), "Bookings credited to sellers / their quotas"),
        Output("rated", "count", "flow", _SEATS, "Seats rated at the end of a fiscal year"),
        Output("rated_at_quota", "count", "flow", _SEATS, "Rated seats at or above 100 % of quota"),
        Output("rated_near_quota", "count", "flow", _SEATS, "Rated seats from 70 to below 80 % of quota"),
        Output("rated_below_half", "count", "flow", _SEATS, "Rated seats below 50 % of quota"),
        Output("at_quota", "fraction", "ratio", (), "Share of rated seats at or above 100 % of quota"),
        Output("near_quota", "fraction", "ratio", (), "Share of rated seats from 70 to below 80 % of quota"),
        Output("below_half", "fraction", "ratio", (), "Share of rated seats below 50 % of quota"),
        # costs
        Output("commission", "currency", "flow", _SEATS, "Commission, as paid"),
        Output("commission_amortised", "currency", "flow", ("company",), "Commission, capitalised and written off"),
        Output("people_cost", "currency", "flow", _PEOPLE, "Salaries, variable pay that is no commission, severance"),
        Output("recruiting_cost", "currency", "flow", _PEOPLE, "Recruiting"),
        Output("programme_spend", "currency", "flow", ("spend",), "Spend of the channels"),
        Output("event_cost", "currency", "flow", ("event",), "Cost of initiatives and risks"),
        Output("sm_spend", "currency", "flow", ("company",), "Sales and marketing spend"),
        Output("opex", "currency", "flow", ("company",), "Operating expenses: S&M, R&D, G&A and events"),
        Output("cac_new_logo", "factor", "ratio", _YEARLY, "New-logo CAC ratio: S&M spend / new ARR"),
        Output("cac_blended", "factor", "ratio", (), "Blended CAC ratio: S&M spend / new and expansion ARR"),
        Output("cac_payback", "months", "ratio", _YEARLY, "CAC payback: 12 · S&M spend / (new ARR · gross margin)"),
        Output("ltv_cac", "factor", "ratio", _YEARLY, "Lifetime gross profit of new customers / S&M spend"),
        Output("magic_number", "factor", "ratio", (), "Net new ARR / S&M spend"),
        Output("sm_share", "fraction", "ratio", (), "S&M spend / revenue"),
        # profit and cash
        Output("revenue", "currency", "flow", ("company",), "A twelfth of mean live ARR, and one-off bookings"),
        Output("gross_margin", "fraction", "stock", ("company",), "Gross margin"),
        Output("gross_profit", "currency", "flow", ("company",), "Revenue · gross margin"),
        Output("billings", "currency", "flow", _BOTH, "Bills sent"),
        Output("deferred_revenue", "currency", "stock", ("company",), "Billed and not earned yet"),
        Output("collections", "currency", "flow", ("company",), "Bills paid"),
        Output("receivables", "currency", "stock", ("company",), "Billed and not paid yet"),
        Output("cash", "currency", "stock", ("company", "past of the company"), "Cash at the end of the month"),
        Output("opening_cash", "currency", "stock", ("path",), "Cash when the plan starts"),
        Output("lowest_cash", "currency", "stock", (), "The least cash at the end of a month"),
        Output("net_burn", "currency", "flow", ("company",), "Cash before less cash after"),
        Output("burn_multiple", "factor", "ratio", (), "Net burn / net new ARR"),
        Output("runway", "months", "ratio", (), "Cash / mean net burn of the last three months, at most 60"),
        Output("rule_of_40", "fraction", "ratio", (), "Growth of revenue over a year, and free cash flow / revenue"),
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
        "the others hold means over the paths. What is kept by path and month is there again with `_twin` (twin paths:",
        "the same assumptions, other random variation) and `_baseline` (the spreadsheet's answer, by `case`). A",
        "*metric* is what a target may name, for the company or `where` a group is named; the column says by what it",
        "is known (segment: `segment` and the labels of segments). With the detail `segment`, the variables",
        "`..._by_segment` are kept by path.",
        "",
        "| output | unit | kind | metric of | variables | what it is |",
        "|---|---|---|---|---|---|",
    ]
    for output in OUTPUTS.values():
        variables = ", ".join(f"`{name}` ({', '.join(dims)})" for name, dims in output.variables())
        measure = MEASURES.get(output.name)
        known = "" if measure is None else ", ".join(("company", *measure.groups))
        lines.append(f"| `{output.name}` | {output.unit} | {output.kind} | {known} | {variables} | {output.text} |")
    return "\n".join([*lines, *_BESIDE]) + "\n"


_BESIDE = (
    "",
    "## Beside the outputs",
    "",
    "- `target_value` (draw, target): the metric of each target, path by path; also with `_twin`, `_baseline`, and",
    "  `_unwidened` (along `draw_unwidened`: paths drawn without the source policy). With the detail `stream`,",
    "  `target_value_streamed` (draw_streamed, target) has every path, and all the rest the first 16,384 draws;",
    f"  `{'`, `'.join(f'{name}_histogram' for name in COUNTED)}`",
    "  (month, bin) count every path on a fixed grid, and `bin` is the middle of each bin.",
    "- `assumption_value`, `assumption_z` (draw, assumption): what was drawn for each path, in the assumption's unit",
    "  and as a normal score. Events (months in force) and shocks (mean level over the plan) stand among them.",
    "- `..._past` (past_month, segment), of cash (past_month), is what the facts of the plan say of the months before",
    "  it, in its currency; it is there where facts tell the output. `past_month` is written like `month`; the last is",
    "  the month before the plan. A metric of a period that begins before the plan takes them in.",
    "- `score_correlation` (assumption, other): the correlation of two normal scores, as the plan states it.",
    "- With the detail `segment`, `observed` (draw, month, watched) is what a report would show of an assumption, from",
    "  the plan's start to the end of the month: won deals of those decided, renewals of those due, arrivals a month.",
    "  NaN before there is anything; also with `_baseline`. `observed_count` (month, watched) is the mean number of",
    "  observations. Along `watched` (names of assumptions) stand `watched_as` (what is divided by what),",
    "  `watched_unit` and `watched_counts` (what an observation is); along `assumption` stands `unseen`: why nothing",
    "  is observed of it.",
    "- `month` is written like 2027-01, `year` (whole fiscal years of the plan) like FY2027; `case` is operating plan,",
    "  medians or means; `part` is what a year is made of (model.md).",
    "- Along `segment` stand its labels, along `territory` its `territory_segment`; along `assumption` `plan_value`,",
    "  `unit`, `source_kind`, `grade`, `observations` and `source_as_of` of the source, `owner`, `adverse`, `acts_on`",
    "  (people, funnel, base, money), `trigger_below` and `trigger_above`; along `event` `kind`, `event_owner` and",
    "  `success`; along `target` `metric`, `period`, `where`, `at_least`, `at_most`, `confidence` (NaN where not",
    "  given) and `criterion` (it only tells whether an event was a success).",
    "- Each variable has `units` (of money: the currency), `long_name` and `kind`.",
)


if __name__ == "__main__":
    print(page(), end="")
