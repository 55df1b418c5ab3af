"""ModernNCA: what is known of the training rows near a row, in a learned space (Ye et al. 2024)."""

from __future__ import annotations

from dataclasses import replace

import keras

from automl.layers.candidates import Fingerprint, WithCandidates
from automl.layers.dense import batch_normalized
from automl.layers.dropout import Dropout
from automl.layers.inputs import Inputs, as_features
from automl.layers.neighbours import Distances, Neighbours
from automl.layers.periodic import PeriodicEmbedding

HEAD = Neighbours


def build(
    inputs: Inputs,
    *,
    candidates: int,
    layers: int,
    units: int,
    widening: int,
    dropout: float,
    embedding_size: int,
    frequencies: int,
    number_size: int,
    sigma: float,
) -> keras.KerasTensor:
    """Shape (rows, candidates): how far each row is from each of the training rows that the network keeps.

    Args:
        candidates: the number of training rows that are kept.
        layers: blocks after the linear map to a row's position.
        units: the dimensions of the space.
        widening: of a block, whose hidden layer has so many times the units.
        frequencies, number_size, sigma: of the embedding of a number.
    """
    inputs = _with_candidates(inputs, candidates)
    fingerprints = Fingerprint(name="fingerprints")(list(inputs.tensors.values()))
    if inputs.numbers is not None:
        embedding = PeriodicEmbedding(frequencies=frequencies, size=number_size, sigma=sigma, name="waves")
        inputs = replace(inputs, numbers=embedding(inputs.numbers))
    features = Dropout(dropout)(as_features(inputs, embedding_size=embedding_size))
    positions = keras.layers.Dense(units)(features)
    for _ in range(layers):
        hidden = keras.layers.Dense(widening * units, activation="relu")(batch_normalized(positions))
        positions = keras.layers.Dense(units)(Dropout(dropout)(hidden))
    if layers:
        positions = batch_normalized(positions)
    return Distances(candidates, name="distances")([positions, fingerprints])


def _with_candidates(inputs: Inputs, candidates: int) -> Inputs:
    """The inputs, each followed by the training rows that are kept."""
    numbers, codes = inputs.numbers, inputs.codes
    return replace(
        inputs,
        numbers=None if numbers is None else WithCandidates(candidates, drawn="normal", name="more_numbers")(numbers),
        codes=None if codes is None else WithCandidates(candidates, drawn="zeros", name="more_codes")(codes),
    )
