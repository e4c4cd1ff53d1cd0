"""The verbs of cosim, one file each: what the command line and ``import cosim`` call."""
