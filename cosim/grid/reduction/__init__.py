"""A net with transformers, cables and switches, as the radial branches that its power flow sees."""
