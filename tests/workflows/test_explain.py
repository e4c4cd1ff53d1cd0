"""Whatever a scenario, a table or a run may say is explained, from the place where it is said."""

import pytest

from cosim.cli import main
from cosim.errors import EXITS, CosimError, InputError
from cosim.quantities import COLUMNS, PORTS
from cosim.quantities.checks import CHECKS
from cosim.quantities.inputs import INPUTS
from cosim.quantities.status import EXIT_CODES, MEANINGS
from cosim.scenario import shipped
from cosim.scenario.keys import ITEM, all_keys
from cosim.scenario.load import load
from cosim.supervision import STOPPED
from cosim.workflows.explain import TABLES, explain, names

KEYS = all_keys()


def told(word, what):
    return [fact for fact in explain(word) if fact.what == what]


def test_every_key_answers_by_its_path_and_by_its_last_word():
    assert len(KEYS) > 250
    for key in KEYS:
        facts = told(key.dotted, "key")
        assert (key.dotted, key.meaning) in [(fact.name, fact.meaning) for fact in facts]
        assert key.dotted in [fact.name for fact in told(key.path[-1], "key")] or len(key.path) > 1


def test_every_value_of_every_shipped_scenario_answers_by_its_path():
    paths = {path for name in shipped.names(shipped.SCENARIOS) for path, _, _ in load(name).values()}
    for path in paths:
        assert told(path, "key"), path


def test_a_kind_chooses_between_keys_of_one_name():
    (storage,), (turbine,) = (told(f"devices.{kind}.p_max_mw", "key") for kind in ("storage", "gas_turbine"))
    assert (storage.meaning, turbine.meaning) == (
        "Largest charge and discharge power",
        "Largest active power; the smallest is 0",
    )
    assert dict(storage.details) | {"of": "storage", "value": "number ≥ 0, MW"} == dict(storage.details)
    assert {fact.name for fact in told("devices.wind.s_max_mva", "key")} == {"devices.*.s_max_mva"}


def test_a_key_tells_unit_bounds_default_usual_range_and_an_example():
    (fact,) = told("ev.battery_kwh", "key")
    details = dict(fact.details)
    assert (details["value"], details["default"], details["usual"]) == (
        "number > 0, kWh",
        "required",
        "5 to 1000 kWh",
    )
    value, _, name = details["example"].partition(" (")
    assert load(name.rstrip(")")).scenario.ev.battery_kwh == float(value)


def test_every_exit_code_of_errors_statuses_and_signals_answers():
    def classes(root):
        return [root, *(one for child in root.__subclasses__() for one in classes(child))]

    codes = {one.exit_code for one in classes(CosimError)} | set(EXIT_CODES.values())
    codes |= {code for code, _ in STOPPED.values()}
    assert codes <= set(EXITS)
    for code in EXITS:
        (fact,) = told(str(code), "exit code")
        assert fact.meaning == EXITS[code]
        assert told(f"exit {code}", "exit code") == [fact]
    assert ("status not_converged", MEANINGS["not_converged"]) in told("6", "exit code")[0].details


def test_every_status_check_column_table_and_port_answers():
    assert set(MEANINGS) == set(EXIT_CODES)
    for status in EXIT_CODES:
        assert told(status, "status")[0].meaning == MEANINGS[status]
    for name, row in CHECKS.items():
        (fact,) = told(name, "check")
        assert fact.meaning == row.meaning
        assert dict(fact.details)["beyond it"].startswith(f"status {row.status} ")
    for column in (*COLUMNS, *INPUTS):
        assert column.meaning in [fact.meaning for fact in told(column.name, "column")]
        assert [fact.meaning for fact in told(f"{column.table}.{column.name}", "column")] == [column.meaning]
    for column in TABLES:
        assert column.name in dict(told(column.table, "table")[0].details)
    for port in PORTS:
        assert port.meaning in [fact.meaning for fact in told(port.name, "port")]


def test_a_column_of_a_file_answers_as_messages_spell_it():
    assert told("line.csv:max_i_ka", "column") == told("line.csv.max_i_ka", "column") != []


def test_a_former_name_says_how_it_is_called_now():
    (fact,) = explain("gates.slack_mw")
    assert (fact.what, fact.meaning) == ("former key", "is called gates.unserved_mw now; cosim migrate renames it")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("tarif", "tariff"),
        ("traffic.tetha_per_min", "traffic.theta_per_min"),
        ("optimall", "optimal"),
        ("dv_p", "dv_pu"),
    ],
)
def test_an_unknown_word_suggests_the_nearest(word, near):
    with pytest.raises(InputError, match=f"did you mean '{near}'"):
        explain(word)


def test_nearest_names_are_looked_for_among_all():
    assert len(names(KEYS)) < 1000  # of more than that `closest` looks for none
    with pytest.raises(InputError, match="see: cosim schema"):
        explain("§")


def test_the_command_prints_it_and_ends_with_3_for_a_word_that_is_none(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["explain", "dispatch.solver"])
    assert (ended.value.code or 0) == 0
    assert "key dispatch.solver: `auto` or a backend" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["explain", "dispatch.slover"])
    assert ended.value.code == 3
    assert "did you mean 'dispatch.solver'?" in capsys.readouterr().err


def test_paths_with_items_are_written_with_a_star():
    assert {key.dotted for key in KEYS if ITEM in key.path} > {"stations.*.law", "devices.*.kind", "outages.*.from"}
