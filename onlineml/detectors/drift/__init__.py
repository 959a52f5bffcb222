"""Change of a stream: of a model's errors, or of the data themselves."""
