"""Bricks of torch: networks that learn online, and what estimators around them share."""
