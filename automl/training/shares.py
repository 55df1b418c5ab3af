"""A part of the training rows, to see what more of them are worth."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np

from automl.training.examples import Cut, Examples
from automl.training.workshop import Workshop


@dataclasses.dataclass(frozen=True)
class Fewer(Examples):
    """Examples whose networks learn from a share of their training rows, and are judged by the same rows as before."""

    share: float = 1.0
    seed: int = 0

    @cached_property
    def cuts(self) -> tuple[Cut, ...]:
        """The cuts of all rows, with fewer to learn from, drawn at random."""
        rng = np.random.default_rng([self.seed, 19])
        whole = super().cuts
        return tuple(
            Cut(np.sort(rng.permutation(cut.train)[: max(1, round(self.share * len(cut.train)))]), cut.val)
            for cut in whole
        )


def with_share(workshop: Workshop, share: float, *, seed: int) -> Workshop:
    """A workshop with the same compiled engines, whose networks learn from a share of the rows."""
    own = {field.name: getattr(workshop.examples, field.name) for field in dataclasses.fields(Examples)}
    return dataclasses.replace(workshop, examples=Fewer(**own, share=share, seed=seed), tensors={})
