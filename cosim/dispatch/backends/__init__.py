"""Solvers, one file each, fed with the compiled cone programme; `BACKENDS` names them."""
