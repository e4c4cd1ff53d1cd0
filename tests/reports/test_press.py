"""Figures for print: the page's figures by matplotlib, their numbers, widths, fonts, and what cannot be drawn."""

import re
import sys

import matplotlib as mpl
import numpy as np
import pytest

from cosim.cli import main
from cosim.errors import InputError
from cosim.reports.figures import FIGURES, power_balance, prices, residuals, road_map, voltages
from cosim.reports.plot import Figure, scatter
from cosim.reports.press.layout import printed, sheet
from cosim.reports.press.matplot import SETTINGS
from cosim.workflows.figures import write_figures
from tests.reports.conftest import BASE_MW, EV_MW, LOSS_MW

GRID = {"buses", "lines", "devices"}


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    """Every figure of the made-up run, in one column."""
    return write_figures(run.folder, tmp_path_factory.mktemp("press") / "new", form="svg")


def drawn(module, run, columns=1):
    with mpl.rc_context(SETTINGS):
        return sheet(module.draw(run), columns)


def test_every_figure_of_the_page_is_written_for_print(written):
    assert written.left_out == {}
    assert written.notes == ()
    assert {re.sub(r"-period-\d+", "", file.stem) for file in written.files} == set(FIGURES)
    assert {file.name for file in written.files[0].parent.iterdir()} == {file.name for file in written.files}
    maps = [file.stem for file in written.files if "-period-" in file.stem]
    assert [name.rsplit("-", 1)[1] for name in maps] == ["3", "3"]  # 80 % of its rating, the most loaded


def test_svg_has_a_columns_width_outlines_for_letters_and_no_image(written):
    for file in written.files:
        text = file.read_text()
        width_pt = float(re.search(r'width="([\d.]+)pt"', text).group(1))
        assert width_pt == pytest.approx(88 / 25.4 * 72, abs=0.01)
        assert "<text" not in text, file.name  # a font that another machine lacks
        assert "<image" not in text, file.name


def test_pdf_of_two_columns_embeds_its_font_and_has_no_image(run, tmp_path):
    found = write_figures(run.folder, tmp_path, columns=2, only=["voltage_map", "prices"])
    for file in found.files:
        content = file.read_bytes()
        box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", content)
        assert float(box.group(1)) == pytest.approx(180 / 25.4 * 72, abs=0.01)
        assert b"/FontFile2" in content
        assert b"/Type3" not in content
        assert b"/Subtype /Image" not in content


def test_equal_numbers_give_equal_files(run):
    for form in ("svg", "pdf"):
        one, two = (printed(prices.draw(run), form, 1).content for _ in range(2))
        assert one == two


def test_the_stack_of_the_balance_adds_up_to_demand_and_losses(run):
    axes = drawn(power_balance, run).axes[0]
    heights = {
        k: [patch for patch in axes.patches if round(patch.get_x() + patch.get_width() / 2) == k] for k in range(3)
    }
    total = [sum(patch.get_height() for patch in patches) for patches in heights.values()]
    asked = np.array(BASE_MW) + np.array(EV_MW) + LOSS_MW
    assert total == pytest.approx(asked)
    tops = [max(patch.get_y() + max(patch.get_height(), 0.0) for patch in patches) for patches in heights.values()]
    below = [sum(min(patch.get_height(), 0.0) for patch in patches) for patches in heights.values()]
    assert tops == pytest.approx(asked - np.array(below))  # nothing stands on anything else's place


def test_a_limit_stands_at_its_value_on_a_logarithmic_axis_too(run):
    axes = drawn(residuals, run).axes
    assert axes[0].get_yscale() == "log"
    flat = [line.get_ydata()[0] for line in axes[0].lines if len(set(line.get_ydata())) == 1]
    assert 1e-8 in flat
    (words,) = [text for text in axes[0].texts if "accepted 1e-08" in text.get_text()]
    assert words.get_position()[1] == pytest.approx(1e-8)
    lowest = [line.get_ydata()[0] for line in drawn(voltages, run).axes[0].lines]
    assert {0.95, 1.05} <= set(lowest)


def test_units_stand_on_the_axes_and_every_series_in_the_legend(run):
    page = drawn(prices, run)
    assert page.axes[0].get_ylabel() == "price (CNY/MWh)"
    assert [text.get_text() for text in page.legends[0].get_texts()][:2] == ["Range over buses", "Tariff"]


def test_a_map_shows_the_period_asked_for(run, tmp_path):
    figure = road_map.draw(run)
    label = figure.frames[1][0]
    page = sheet(figure, 1, label)
    assert "Period 2" in page.get_suptitle()
    found = write_figures(run.folder, tmp_path, only=["road_map"], period=2)
    assert [file.name for file in found.files] == ["road_map-period-2.pdf"]
    with pytest.raises(InputError, match="no period 7"):
        write_figures(run.folder, tmp_path, only=["road_map"], period=7)


def test_names_are_literal_and_signs_that_the_font_lacks_are_told(run):
    figure = Figure()
    figure.update_layout(title={"text": ""})
    line = {"mode": "lines", "line": {"color": "#0072b2"}}
    for name in (r"$\frac{1}{", "&lt;b&gt;S1&lt;/b&gt;", "充电站"):
        figure.add_trace(scatter([0.0, 1.0], [0.0, 1.0], name=name, **line))
    found = printed(figure, "svg", 1)
    assert "充" in found.notes[0]
    texts = [text.get_text() for text in sheet(figure, 1).legends[0].get_texts()]
    assert texts[0].replace("\\$", "$") == r"$\frac{1}{"
    assert texts[1] == "<b>S1</b>"


def command(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main(["figures", *map(str, words)])
    told = capsys.readouterr()
    return ended.value.code or 0, told.out, told.err


def test_what_has_no_data_is_left_out_by_name_and_refused_where_asked_for(make_run, tmp_path, capsys):
    folder = make_run(without=GRID).folder
    code, told, _ = command(capsys, folder, "--out", tmp_path / "all", "--format", "svg")
    assert code == 0
    assert re.search(r"left out +voltages: this run has no table 'buses'", told)
    code, _, error = command(capsys, folder, "--only", "voltages", "--only", "link_flows", "--out", tmp_path / "none")
    assert code == 3
    assert "figure voltages has nothing to show" in error
    assert not (tmp_path / "none").exists()


def test_an_unfinished_run_is_drawn_as_far_as_it_is_and_says_so(make_run, tmp_path, capsys):
    folder = make_run(committed=2).folder
    (folder / "run.json").unlink()
    code, told, _ = command(capsys, folder, "--only", "prices", "--out", tmp_path)
    assert code == 0
    assert "note      the run is not complete: 2 " in told


def test_unknown_names_and_places_that_cannot_be_written(run, tmp_path, capsys):
    code, _, error = command(capsys, run.folder, "--only", "voltage")
    assert code == 2
    assert "did you mean voltages?" in error
    (tmp_path / "file").write_text("mine")
    code, _, error = command(capsys, run.folder, "--only", "prices", "--out", tmp_path / "file")
    assert code == 8
    assert "cannot be written" in error
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "taken" / "prices.pdf").mkdir(parents=True)
    code, _, _ = command(capsys, run.folder, "--only", "prices", "--out", tmp_path / "taken")
    assert code == 8
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["prices.pdf"]  # nothing half-written


def test_without_matplotlib_the_line_that_installs_it_is_named(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, error = command(capsys, run.folder, "--out", tmp_path / "new")
    assert code == 4
    assert "pip install 'cosim-ptn[figures]'" in error
    assert not (tmp_path / "new").exists()


def test_many_series_have_one_line_that_counts_the_rest():
    figure = Figure()
    figure.update_layout(title={"text": ""})
    for k in range(40):
        figure.add_trace(scatter([0.0, 1.0], [k, k], name=f"S{k}", mode="lines", line={"color": "#0072b2"}))
    texts = [text.get_text() for text in sheet(figure, 1).legends[0].get_texts()]
    assert len(texts) == 24
    assert texts[-1] == "S23; 16 more have no entry"
