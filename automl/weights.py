"""The weights of a setting's networks as files of arrays hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

# In a trial's folder: of the networks that were scored, and of those that learned from more rows after that.
SCORED, REFITTED = "weights.npz", "refitted.npz"


def named(networks: Sequence[Sequence[NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The weights of each network by a name: "003.0012" is weight 12 of network 3."""
    return {
        f"{number:03d}.{position:04d}": weight
        for number, weights in enumerate(networks)
        for position, weight in enumerate(weights)
    }


def by_network(arrays: Mapping[str, NDArray[Any]]) -> list[list[NDArray[Any]]]:
    """What `named` was given.

    Raises:
        ValueError: the names are others.
    """
    networks: dict[int, list[NDArray[Any]]] = {}
    for name in sorted(arrays):
        number, _, _ = name.partition(".")
        networks.setdefault(int(number), []).append(arrays[name])
    return [networks[number] for number in sorted(networks)]
