"""Going on from every period of a day, and after kills at any instant."""
