"""Run folders: atomic commits per period, tables, manifest."""
