"""Engines of traffic, one file each, found by their ``kind``; `cosim.microsim.port` says what they must do."""
