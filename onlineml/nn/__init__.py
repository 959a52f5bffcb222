"""Bricks of torch: networks that learn online, their arrays open to be saved. No estimators."""
