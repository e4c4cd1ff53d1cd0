"""Whatever a user's class raises names it; what is ours passes; results and signatures stay as they are."""

import inspect
import pickle
from types import SimpleNamespace

import pytest

from cosim.errors import DependencyError, InputError, PluginError
from cosim.guard import Guarded
from cosim.supervision import Stopped


class Base(Guarded):
    family = "pump"


class Pump(Base):
    kind = "centrifugal"

    def __init__(self, fault=None):
        self.settings, self.fault = SimpleNamespace(name="p1"), fault
        if isinstance(fault, OverflowError):
            raise fault

    def lift(self, height, *, times=1):
        """Lift."""
        if self.fault is not None:
            raise self.fault
        return height * times

    def steps(self):
        yield 1
        if self.fault is not None:
            raise self.fault
        yield 2

    @staticmethod
    def rated(height):
        return 1.0 / height

    @classmethod
    def made(cls):
        return cls()


def test_what_works_works_as_before():
    pump = Pump.made()
    assert (pump.lift(2, times=3), list(pump.steps()), Pump.rated(4)) == (6, [1, 2], 0.25)
    assert str(inspect.signature(Pump.lift)) == "(self, height, *, times=1)"
    assert Pump.lift.__doc__ == "Lift."
    steps = pump.steps()
    assert next(steps) == 1
    steps.close()


@pytest.mark.parametrize("fault", [ValueError("dry"), SystemExit(0), GeneratorExit(), MemoryError(), KeyError("a")])
def test_what_is_raised_is_named(fault):
    with pytest.raises(
        PluginError, match=rf"pump 'p1' of kind 'centrifugal' \(.*Pump\): lift\(\) .*{type(fault).__name__}"
    ):
        Pump(fault).lift(1)
    if not isinstance(fault, GeneratorExit):
        with pytest.raises(PluginError, match="steps"):
            list(Pump(fault).steps())


def test_static_methods_constructors_and_imports():
    with pytest.raises(PluginError, match=r"^pump 'centrifugal' \(.*\): rated\(\) raised ZeroDivisionError"):
        Pump.rated(0)
    with pytest.raises(PluginError, match=r"could not be made: raised OverflowError: too much"):
        Pump(OverflowError("too much"))
    with pytest.raises(DependencyError, match=r"needs a package that is not there \(no hydraulics\)"):
        Pump(ImportError("no hydraulics")).lift(1)


@pytest.mark.parametrize("ours", [InputError("height must be > 0"), Stopped(2), PluginError("x", "y")])
def test_what_is_ours_passes(ours):
    with pytest.raises(type(ours)) as caught:
        Pump(ours).lift(1)
    assert caught.value is ours


def test_places_are_added_once_and_survive_a_process():
    error = PluginError("law 'a'", "gave nan").at("link '1-5'").at("period 3").at("period 3")
    assert str(error) == "law 'a': gave nan [link '1-5', period 3]"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 - our own
