"""The collector: what it keeps, under which name, and that nothing depends on how paths come in."""

from collections.abc import Iterable

import numpy as np
import pytest
import xarray as xr

from simengine.plan import Plan
from simengine.results.dataset import Collector, digest
from simengine.results.reduction import SPAN, Detail
from tests.results import blocks
from tests.results.blocks import (
    EVENTS,
    GROUP_OUTPUTS,
    POOL_OUTPUTS,
    SEGMENT_OUTPUTS,
    SHOCKS,
    TEAM,
    Block,
    flat_block,
    piece,
    random_block,
    reduced,
    small_plan,
)

DRAWS, TWINS = 53, 11
CASES = ("operating plan", "medians", "means")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return small_plan(events=EVENTS, shocks=SHOCKS)


@pytest.fixture(scope="module")
def block(plan: Plan) -> Block:
    return random_block(plan, DRAWS, seed=3)


def collected(plan: Plan, block: Block, cuts: Iterable[int] = (), detail: Detail = "headline") -> xr.Dataset:
    """The dataset of a run whose paths come in pieces that end at `cuts`, with twins and all the rest."""
    return blocks.collected(
        plan,
        block,
        twins=random_block(plan, TWINS, seed=4),
        unwidened=random_block(plan, DRAWS, seed=5),
        cases={case: random_block(plan, 1, seed) for seed, case in enumerate(CASES)},
        cuts=cuts,
        detail=detail,
        seed="7",
    )


@pytest.fixture(scope="module")
def ds(plan: Plan, block: Block) -> xr.Dataset:
    return collected(plan, block)


# ---- what is kept ----


def test_company_outputs_are_totals_by_path(ds: xr.Dataset, block: Block) -> None:
    assert ds["new_arr"].dims == ("draw", "month")
    np.testing.assert_allclose(ds["new_arr"], block.segment["new_arr"].sum(axis=2), rtol=1e-14)
    np.testing.assert_allclose(ds["headcount"], block.group["headcount"].sum(axis=2), rtol=1e-14)
    s = {name: array.sum(axis=2) for name, array in block.segment.items()}
    np.testing.assert_allclose(ds["bookings"], s["new_arr"] + s["one_off_bookings"], rtol=1e-14)
    net_new = s["new_arr"] + s["expansion_arr"] + s["price_arr"] - s["contraction_arr"] - s["churned_arr"]
    np.testing.assert_allclose(ds["net_new_arr"], net_new, rtol=1e-9)
    # The outage halves the margin where it is in force in the fourth of fifteen months.
    halved = np.where(block.values["outage"] >= 12, 0.5, 1.0)
    np.testing.assert_allclose(ds["gross_margin"][:, 3], block.values["margin"] * halved, rtol=1e-14)
    for name, source in (("rated_at_quota", "at_quota"), ("quota", "quota")):
        # Of the four groups only ae-ent and ae-smb sell.
        np.testing.assert_allclose(ds[name], block.group[source][:, :, :2].sum(axis=2), rtol=1e-14)


def test_segments_are_means_over_draws(ds: xr.Dataset, block: Block) -> None:
    assert list(ds["segment"].values) == ["ent-emea", "services", "smb-na"]
    for name in SEGMENT_OUTPUTS:
        variable = ds[f"{name}_by_segment"]
        assert variable.dims == ("month", "segment")
        assert variable.attrs["cell_methods"] == "draw: mean"
        np.testing.assert_allclose(variable, block.segment[name].mean(axis=0), rtol=1e-12)


def test_segments_by_path_where_asked(plan: Plan, block: Block) -> None:
    ds = collected(plan, block, cuts=[10], detail="segment")
    assert ds["won_by_segment"].dims == ("draw", "month", "segment")
    assert "cell_methods" not in ds["won_by_segment"].attrs
    np.testing.assert_array_equal(ds["won_by_segment"], block.segment["won"])


def test_people_are_summed_by_role(ds: xr.Dataset, block: Block) -> None:
    assert list(ds["role"].values) == ["ae", "csm", "sdr"]
    means = block.group["leavers"].mean(axis=0)
    np.testing.assert_allclose(ds["leavers_by_role"].sel(role="ae"), means[:, 0] + means[:, 1], rtol=1e-12)
    np.testing.assert_allclose(ds["leavers_by_role"].sel(role="sdr"), means[:, 3], rtol=1e-12)


def test_people_are_summed_by_team(ds: xr.Dataset, block: Block) -> None:
    assert list(ds["team"].values) == ["", "east", "west"]
    for name in GROUP_OUTPUTS:
        shown = {"at_quota": "rated_at_quota", "near_quota": "rated_near_quota", "below_half": "rated_below_half"}
        by_team = ds[f"{shown.get(name, name)}_by_team"]
        means = block.group[name].mean(axis=0)
        np.testing.assert_allclose(by_team.sel(team="west"), means[:, 1] + means[:, 2], rtol=1e-12)
        # Teams, those without a team among them, add up to the company.
        np.testing.assert_allclose(by_team.sum("team"), means.sum(axis=1), rtol=1e-12)


def test_territories_stand_with_their_segment() -> None:
    territories = [{"name": name, "seats": "ae-ent"} for name in ("north", "alps")]
    plan = small_plan(2, team={**TEAM, "territories": territories})
    block = random_block(plan, 3, seed=1)
    ds = blocks.collected(plan, block)
    assert list(ds["territory"].values) == ["alps", "north", "services", "smb-na"]
    assert list(ds["territory_segment"].values) == ["ent-emea", "ent-emea", "services", "smb-na"]
    for name in POOL_OUTPUTS:
        np.testing.assert_allclose(ds[f"{name}_by_territory"], block.pool[name].mean(axis=0), rtol=1e-12)


def test_channels_have_a_place_for_every_segment(ds: xr.Dataset, block: Block) -> None:
    # Cells in order of name: inbound/ent-emea, inbound/smb-na, partner/services.
    won = ds["won_by_channel"]
    np.testing.assert_allclose(
        won.sel(channel="inbound", segment="smb-na"), block.cell["won"][:, :, 1].mean(axis=0), rtol=1e-12
    )
    assert not won.sel(channel="partner", segment="smb-na").any()
    np.testing.assert_allclose(
        ds["reached"].sel(channel="partner", segment="services", stage="lead"),
        block.reached[:, :, 2, 0].mean(axis=0),
        rtol=1e-12,
    )
    assert list(ds["stage"].values) == ["lead", "opportunity"]


def test_coordinates_and_attributes(ds: xr.Dataset, block: Block) -> None:
    assert list(ds["month"].values[[0, 12]]) == ["2027-01", "2028-01"]
    assert list(ds["geo"].values) == ["EMEA", "NA", "NA"]
    assert list(ds["product"].values) == ["core", "", "core"]
    one = ds.sel(assumption="margin")
    found = [one[name].item() for name in ("plan_value", "unit", "source_kind", "owner", "adverse")]
    assert found == [0.8, "fraction", "judgment", "Finance", "low"]
    # Events and shocks are assumptions like any other.
    assert list(ds["acts_on"].values) == ["funnel", "money", "funnel", "money"]
    assert list(ds["assumption"].values) == ["launch", "margin", "market", "outage"]
    assert list(ds["unit"].values) == ["months", "fraction", "standard deviations", "months"]
    for name in ds["assumption"].values:
        np.testing.assert_array_equal(ds["assumption_value"].sel(assumption=name), block.values[name])
        np.testing.assert_array_equal(ds["assumption_z"].sel(assumption=name), block.z[name])
    assert list(ds["event"].values) == ["launch", "outage"]
    assert list(ds["kind"].values) == ["initiative", "risk"]
    assert list(ds["success"].values) == ["EMEA new", ""]
    assert list(ds["criterion"].values) == [False, True, False, False]
    assert ds["opening_arr"].sel(segment=["services", "smb-na"]).values.tolist() == [0, 1_000_000]
    assert ds["new_arr"].attrs == {"units": "EUR", "long_name": "ARR of new customers", "kind": "flow"}
    assert ds["ending_arr_twin"].attrs["kind"] == "stock"
    assert all(
        {"units", "long_name", "kind"} <= ds[name].attrs.keys() for name in ds.data_vars if "month" in ds[name].dims
    )
    assert ds.attrs["seed"] == "7"
    assert (ds.attrs["draws"], ds.attrs["twins"], ds.attrs["start"], ds.attrs["currency"]) == (
        DRAWS,
        TWINS,
        "2027-01",
        "EUR",
    )
    assert "judgment: x1.25" in ds.attrs["source_policy"]


def test_targets_of_the_company_and_of_groups(ds: xr.Dataset, block: Block) -> None:
    assert list(ds["target"].values) == ["ARR", "EMEA new", "CAC", "NA core"]
    assert list(ds["where"].values) == ["", "geo=EMEA", "", "geo=NA, product=core"]
    np.testing.assert_array_equal(ds["at_most"], [np.nan, np.nan, 1.5, np.nan])
    np.testing.assert_array_equal(ds["confidence"], [0.8, np.nan, np.nan, np.nan])
    new = block.segment["new_arr"]
    expected = {
        "ARR": ds["ending_arr"].sel(month="2027-03"),
        "EMEA new": new[:, :3, 0].sum(axis=1),
        "CAC": ds["sm_spend"][:, :3].sum("month") / ds["new_arr"][:, :3].sum("month"),
        "NA core": new[:, 1, 2] + block.segment["one_off_bookings"][:, 1, 2],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(ds["target_value"].sel(target=name), values, rtol=1e-12, err_msg=name)


def test_twins_cases_and_unwidened_paths_stand_beside(ds: xr.Dataset, plan: Plan) -> None:
    assert ds["ending_arr_twin"].dims == ("twin", "month")
    assert ds["target_value_twin"].shape == (TWINS, 4)
    assert ds["target_value_unwidened"].dims == ("draw_unwidened", "target")
    assert "ending_arr_unwidened" not in ds
    assert list(ds["case"].values) == list(CASES)
    spreadsheet = random_block(plan, 1, 0)
    np.testing.assert_allclose(
        ds["ending_arr_baseline"].sel(case="operating plan"),
        spreadsheet.segment["ending_arr"][0].sum(axis=1),
        rtol=1e-14,
    )
    np.testing.assert_allclose(
        ds["target_value_baseline"].sel(case="operating plan", target="ARR"),
        ds["ending_arr_baseline"].sel(case="operating plan", month="2027-03"),
    )


def test_a_plan_without_people_assumptions_or_targets() -> None:
    plan = small_plan(
        1,
        team={},
        assumptions={},
        economics={},
        funnel={"channels": {}},
    )
    ds = blocks.collected(plan, random_block(plan, 4, seed=1))
    assert ds["headcount"].values.tolist() == [[0]] * 4
    assert ds["sm_spend"].values.tolist() == [[0]] * 4
    assert (ds.sizes["target"], ds.sizes["assumption"], ds.sizes["role"], ds.sizes["channel"]) == (0, 0, 0, 0)
    assert len(digest(ds)) == 64


def test_paths_that_are_missing_or_out_of_order_are_noticed(plan: Plan, block: Block) -> None:
    collector = Collector(plan, {"draw": DRAWS})
    collector.add("draw", *reduced(plan, piece(block, 0, 10)))
    with pytest.raises(AssertionError):
        collector.add("draw", *reduced(plan, piece(block, 20, 30)))
    with pytest.raises(AssertionError):
        collector.finish({})


# ---- bits ----


@pytest.mark.parametrize("size", [1, 7, 32])
def test_the_size_of_blocks_changes_no_bit(plan: Plan, block: Block, ds: xr.Dataset, size: int) -> None:
    other = collected(plan, block, cuts=range(size, DRAWS, size))
    assert digest(other) == digest(ds)
    for name in ds.variables:
        assert ds.variables[name].values.tobytes() == other.variables[name].values.tobytes(), name


def test_sums_run_path_by_path_within_a_span_and_then_span_by_span() -> None:
    short = small_plan(2)
    paths = random_block(short, 2 * SPAN + 9, seed=8)
    total = np.zeros(paths.segment["won"].shape[1:])
    for start in range(0, len(paths.reached), SPAN):
        of_span = np.zeros(total.shape)
        for path in paths.segment["won"][start : start + SPAN]:
            of_span = of_span + path
        total = total + of_span
    whole = blocks.collected(short, paths)["won_by_segment"].values
    assert whole.tobytes() == (total / len(paths.reached)).tobytes()
    in_pieces = blocks.collected(short, paths, cuts=range(0, len(paths.reached), 100))["won_by_segment"].values
    assert in_pieces.tobytes() == whole.tobytes()
    # Sums of other spans, added to one another, have other bits.
    halves = paths.segment["won"][:500].sum(axis=0) + paths.segment["won"][500:].sum(axis=0)
    assert halves.tobytes() != total.tobytes()


def test_the_first_draws_of_a_longer_run_are_the_shorter_run(plan: Plan, block: Block, ds: xr.Dataset) -> None:
    shorter = collected(plan, piece(block, 0, 20))
    for name in ("ending_arr", "sm_spend", "target_value", "assumption_value"):
        assert shorter[name].values.tobytes() == ds[name][:20].values.tobytes(), name


def test_the_dataset_does_not_hold_on_to_the_spans() -> None:
    short = small_plan(2)
    mine = flat_block(short, draws=3, new_arr=[1, 0, 0])
    collector = Collector(short, {"draw": 3, "twin": 0})
    (part,) = reduced(short, mine)
    collector.add("draw", part)
    for column in part.columns.values():
        column[...] = 99
    ds = collector.finish({})
    assert ds["new_arr"].values.tolist() == [[1, 1]] * 3
    assert ds["assumption_value"].values.tolist() == [[0.8]] * 3


# ---- digest ----


def test_digest_changes_with_every_array(ds: xr.Dataset) -> None:
    before = digest(ds)
    seen = {before}
    for name in map(str, ds.variables):
        changed = ds.copy(deep=True)
        values = changed.variables[name].values.copy()
        flat = values.reshape(-1)
        if values.dtype.kind == "U":
            values = values.astype(object)
            values.reshape(-1)[0] = "changed"
        else:
            # The last bit of one number.
            flat[-1] = np.nextafter(flat[-1], np.inf) if values.dtype.kind == "f" else flat[-1] + 1
            if np.isnan(values.reshape(-1)[-1]):
                values.reshape(-1)[-1] = 0.0
        if name in changed.dims:
            changed = changed.assign_coords({name: values})
        else:
            changed[name] = (changed.variables[name].dims, values)
        seen.add(digest(changed))
    assert len(seen) == 1 + len(ds.variables)


def test_digest_knows_names_and_shapes() -> None:
    ds = xr.Dataset({"a": ("x", [1.0, 2.0]), "b": ("x", [3.0, 4.0])})
    assert digest(ds) != digest(ds.rename(a="b", b="a"))
    assert digest(ds) != digest(ds.rename(x="y"))
    assert digest(xr.Dataset({"a": (("x", "y"), np.ones((2, 3)))})) != digest(
        xr.Dataset({"a": (("x", "y"), np.ones((3, 2)))})
    )
    assert digest(ds) != digest(ds.astype(np.float32))


def test_digest_is_of_arrays_alone(ds: xr.Dataset) -> None:
    other = ds.copy(deep=True)
    other.attrs["as_of"] = "2030-01-01"
    other["new_arr"].attrs["long_name"] = "other words"
    other["month"] = other["month"].astype(object)
    other["new_arr"] = other["new_arr"].astype(">f8")
    assert digest(other) == digest(ds)


def test_digest_takes_targets_by_name(ds: xr.Dataset) -> None:
    turned = ds.isel(target=[2, 0, 3, 1])
    assert digest(turned) == digest(ds)
    # Other values under the same names are another result.
    mixed = turned.assign_coords(target=ds["target"].values)
    assert digest(mixed) != digest(ds)


def test_digest_survives_a_file(ds: xr.Dataset, tmp_path: object) -> None:
    ds.to_netcdf(f"{tmp_path}/run.nc", engine="h5netcdf")
    with xr.open_dataset(f"{tmp_path}/run.nc", engine="h5netcdf") as stored:
        assert digest(stored) == digest(ds)
