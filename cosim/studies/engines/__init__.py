"""Who carries rows out: own children (`local`), or a cluster of Dask (`dask`)."""
