"""Columns become arrays: a JSON specification, fitted on the training rows only, applied with NumPy.

One file is one kind of column; each has `fit(column) -> specification` and `transform(column, specification, ...)`.
`table` puts them together.
"""
