"""The folders of plain files."""

from __future__ import annotations

import pytest

from automl.errors import EnvironmentFault
from automl.resources import folder


def test_a_folder_that_is_missing_is_named_and_no_stranger_s_package() -> None:
    with pytest.raises(EnvironmentFault, match=r"'nowhere' is missing .* Install automl again from where you got it\."):
        folder("nowhere")
