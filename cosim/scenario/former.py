"""A key of a scenario as an earlier version had it; the rows stand in `cosim.scenario.renamed`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """A key of an earlier version.

    Attributes
    ----------
    section, key
        Where it stood; ``*`` is any item of a list.
    now
        Keys below the section under which it stands now; empty if it is gone.
    instead
        What counts in place of a key that is gone.
    ignored
        Whether it was passed over beside a kind that does not know it; else only a value of nothing was.
    """

    section: tuple[str, ...]
    key: str
    now: tuple[str, ...] = ()
    instead: str = ""
    ignored: bool = False

    @property
    def was_a_word(self) -> bool:
        """Whether it is a mapping now, and is former only where it is one word."""
        return self.now[:1] == (self.key,)
