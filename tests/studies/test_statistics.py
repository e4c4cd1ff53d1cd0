"""Statistics of studies: closed forms, published tables, and how often an interval of 95 % holds the truth."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cosim.scenario.yaml_reader import read_yaml
from cosim.studies.designs import points
from cosim.studies.statistics import binomial, quantile, statistics, t_interval
from cosim.studies.study_file import parse_study

HEAD = "schema: 1\nbase: five_nodes\nseed: 5\n"


def study(text, folder):
    """Return a study from the lines that differ."""
    return parse_study(read_yaml((HEAD + text).encode(), "study.yaml"), text, folder)


def rows(study, measure, status=None):
    """Return collected rows of a study whose measure is a function of the drawn factors."""
    found = []
    drawn = points(study.design, study.factors, study.seed)
    size = len(drawn) // study.design.blocks
    for draw, u in enumerate(drawn):
        values = [one.law.at(float(share)) for one, share in zip(study.factors, u, strict=True)]
        for alternative in study.alternatives:
            row = {"draw": draw, "block": draw // size, "replicate": 0, "alternative": alternative, "status": "ok"}
            row |= {one.path: value for one, value in zip(study.factors, values, strict=True)}
            found.append(row | {"y": measure(*values, alternative)})
    frame = pd.DataFrame(found)
    if status is not None:
        frame.loc[list(status), "status"] = list(status.values())
    return frame


UNIFORM = "design: {kind: random, rows: 50}\nvary: {a: {uniform: [0, 1]}, b: {uniform: [0, 1]}}\n"


def test_the_interval_of_a_mean_is_students():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found, known = t_interval(values), stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == (
        pytest.approx(4.0),
        pytest.approx(known.low),
        pytest.approx(known.high),
    )


def test_no_row_of_a_thousand_is_at_most_four_in_a_thousand():
    found = binomial(0, 1000)  # 1 - 0.025^(1/1000)
    assert (found.low, found.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 1000)))


def test_a_quantile_lies_between_two_order_statistics():
    values = np.arange(1.0, 101.0)
    found = quantile(values, 0.5, interval=True)  # of 100 values the 40th and 61st: a published table (Conover 1999)
    assert (found.low, found.high) == (40.0, 61.0)
    rare = quantile(values[:10], 0.05, interval=True)
    assert rare.low == -math.inf


def test_intervals_of_95_per_cent_hold_the_truth_about_as_often(tmp_path):
    made = study(UNIFORM, tmp_path)
    rng = np.random.default_rng(1)
    means = quantiles = 0
    for _ in range(1000):
        values = rng.exponential(size=60)
        around = t_interval(values)
        means += around.low <= 1.0 <= around.high
        median = quantile(values, 0.5, interval=True)
        quantiles += median.low <= math.log(2.0) <= median.high
    assert made.design.rows == 50
    assert 920 <= means <= 970  # of a skewed distribution and 60 values Student's interval is a little short
    assert 935 <= quantiles <= 985  # order statistics: at least 95 %


def test_control_variates_with_blocks_cover_and_shrink(tmp_path):
    hits, factors = 0, []
    for seed in range(60):
        text = UNIFORM.replace("rows: 50", "rows: 60") + "control: linear\n"
        made = parse_study(read_yaml((HEAD.replace("5", str(seed)) + text).encode(), "s"), text, tmp_path)
        noise = np.random.default_rng(seed)
        found = statistics(made, rows(made, lambda a, b, _, n=noise: 3 * a - 2 * b + 0.1 * n.normal()), ["y"])
        (row,) = found.measures
        hits += row["controlled_low"] <= 0.5 <= row["controlled_high"]
        factors.append(row["variance_factor"])
    assert 53 <= hits <= 60
    assert np.median(factors) > 50  # the variance of 3a - 2b is 13/12, of the noise 0.01


def test_a_control_that_does_not_help_is_dropped(tmp_path):
    made = study(UNIFORM + "control: linear\n", tmp_path)
    noise = np.random.default_rng(1)
    (row,) = statistics(made, rows(made, lambda a, b, _: noise.normal()), ["y"]).measures
    assert math.isnan(row["controlled_mean"])
    assert row["variance_factor"] < 1.2


def test_one_block_of_a_sobol_design_has_no_interval_and_says_so(tmp_path):
    one, eight = (
        study(f"design: {{kind: sobol, rows: 64, blocks: {n}}}\nvary: {{a: {{uniform: [0, 1]}}}}\n", tmp_path)
        for n in (1, 8)
    )
    alone, blocks = (statistics(made, rows(made, lambda a, _: a * a), ["y"]) for made in (one, eight))
    assert math.isnan(alone.measures[0]["mean_low"])
    assert any("no error of its means" in remark for remark in alone.remarks)
    row = blocks.measures[0]
    assert row["mean_low"] <= 1 / 3 <= row["mean_high"]
    assert row["mean_high"] - row["mean_low"] < 0.05  # independent draws would give 0.15


def test_a_pair_with_a_row_without_trusted_answer_is_counted_not_used(tmp_path):
    made = study(UNIFORM + "compare: {as_is: {}, more: {ev.share: 0.2}}\n", tmp_path)
    table = rows(made, lambda a, b, name: 10 * a + (0.5 if name == "more" else 0.0), status={3: "untrusted", 8: "died"})
    found = statistics(made, table, ["y"])
    (pair,) = found.pairs
    assert (pair["pairs"], pair["of"]) == (48, 50)
    assert (pair["mean"], pair["low"], pair["high"]) == (pytest.approx(0.5),) * 3  # common draws: no noise is left
    assert any("2 rows have no trusted answer" in remark for remark in found.remarks)
    shares = {(row["alternative"], row["status"]): row["rows"] for row in found.shares}
    assert (shares["as_is", "died"], shares["more", "untrusted"], shares["as_is", "ok"]) == (1, 1, 49)


def test_indices_are_those_of_the_ishigami_function(tmp_path):
    """Ishigami, Homma (1990), a = 7, b = 0.1: S1 = (0.3139, 0.4424, 0), ST = (0.5576, 0.4424, 0.2437)."""
    span = f"{{uniform: [{-math.pi!r}, {math.pi!r}]}}"
    made = study(f"design: {{kind: saltelli, rows: 1024}}\nvary: {{a: {span}, b: {span}, c: {span}}}\n", tmp_path)
    table = rows(made, lambda a, b, c, _: math.sin(a) + 7 * math.sin(b) ** 2 + 0.1 * c**4 * math.sin(a))
    found = {row["factor"]: row for row in statistics(made, table, ["y"]).indices}
    assert [found[name]["first"] for name in "abc"] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.03)
    assert [found[name]["total"] for name in "abc"] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.03)
    assert found["b"]["first_low"] < 0.4424 < found["b"]["first_high"]
    incomplete = statistics(made, table.assign(status=["raised"] + ["ok"] * (len(table) - 1)), ["y"])
    assert incomplete.indices == []
