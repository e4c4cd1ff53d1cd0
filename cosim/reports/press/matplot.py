"""What every figure for print has of matplotlib: whether it is there, its settings, files without the time of day."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from cosim.errors import DependencyError
from cosim.plugins import install_line

Format = Literal["pdf", "svg"]
FORMATS: tuple[Format, ...] = ("pdf", "svg")
MM_PER_INCH = 25.4
SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib's own: every machine writes the same file
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "legend.frameon": False,
    "svg.hashsalt": "cosim",  # the same file from the same numbers
    "svg.fonttype": "path",  # an SVG cannot carry its font; outlines look the same everywhere
    "pdf.fonttype": 42,  # TrueType, embedded: what publishers ask for
}


def require_matplotlib(way_out: str = "") -> None:
    """Raise where figures for print cannot be drawn.

    Parameters
    ----------
    way_out
        What else the user can do, behind the line that installs it.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401 - asked for, not used
    except ImportError as error:
        reason = "matplotlib is not installed; figures for print (PDF, SVG) need it: " + install_line("figures")
        raise DependencyError(f"{reason}{way_out}") from error


def metadata(form: str) -> dict[str, None]:
    """Return metadata without the time of day, so that equal numbers give equal files."""
    return {"Date": None} if form == "svg" else {"CreationDate": None}


def form_of(file: Path) -> str:
    """Return the format that a file's name says.

    >>> form_of(Path("prices.pdf"))
    'pdf'
    """
    return file.suffix.removeprefix(".")
