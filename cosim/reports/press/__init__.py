"""Figures for print, by matplotlib: PDF and SVG in the width of one or two columns."""
