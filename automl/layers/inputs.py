"""What a family may use of a row, by role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from automl.layers.categories import Categories


@dataclass(frozen=True)
class Inputs:
    """The symbolic inputs of a network.

    Attributes:
        numbers: shape (rows, width), or None where the table has no such columns.
        codes: shape (rows, categories), int32, or None.
        sizes: the number of codes of each category.
        outputs: how many raw outputs the network is to have.
    """

    numbers: keras.KerasTensor | None
    codes: keras.KerasTensor | None
    sizes: tuple[int, ...]
    outputs: int

    @classmethod
    def of(cls, width: int, sizes: Sequence[int], *, outputs: int = 1) -> Inputs:
        """Inputs for encoded arrays of these widths."""
        return cls(
            keras.Input((width,), name="numbers") if width else None,
            keras.Input((len(sizes),), dtype="int32", name="codes") if sizes else None,
            tuple(sizes),
            outputs,
        )

    @property
    def tensors(self) -> dict[str, keras.KerasTensor]:
        """The inputs that exist, by role."""
        roles = {"numbers": self.numbers, "codes": self.codes}
        return {role: tensor for role, tensor in roles.items() if tensor is not None}


def as_features(inputs: Inputs, *, embedding_size: int) -> keras.KerasTensor:
    """One vector per row: the numbers, small categories one-hot, large ones embedded. Shape (rows, features)."""
    parts = [] if inputs.numbers is None else [inputs.numbers]
    if inputs.codes is not None:
        parts.append(
            Categories(inputs.sizes, embedding_size=embedding_size, marks_unknown=False, name="categories")(
                inputs.codes
            )
        )
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="features")(parts)
