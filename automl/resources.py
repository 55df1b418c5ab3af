"""Finds the folders of plain files that belong to the program: search_spaces, datasets, reports.

In a wheel they lie inside the package; in a checkout they lie beside it.
"""

from __future__ import annotations

from pathlib import Path

from automl.errors import EnvironmentFault


def folder(name: str) -> Path:
    """The folder `name` of the installed package or of the checkout.

    Raises:
        EnvironmentFault: the installation lacks the folder.
    """
    package = Path(__file__).parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise EnvironmentFault(
        f"The folder {name!r} is missing from the installation. Install automl again from where you got it."
    )
