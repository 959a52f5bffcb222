"""Ensembles that learn batch by batch; a batch is a number of rows, never the caller's chunk."""
