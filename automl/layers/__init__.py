"""Keras layers that several families share, and the inputs that a family starts from."""
