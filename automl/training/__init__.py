"""One trial: a network is built, trained with early stopping on the validation rows, and scored on every part."""
