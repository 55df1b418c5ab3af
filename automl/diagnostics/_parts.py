"""What the parts of a split are called in sentences."""

from __future__ import annotations

PARTS = {"train": "training", "val": "validation", "test": "test"}
