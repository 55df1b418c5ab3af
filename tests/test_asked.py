"""What is kept of what was asked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from automl.asked import record
from automl.options import Options
from automl.preparation import prepare


def test_the_address_of_the_store_is_kept_whole_and_without_a_password(flowers: pd.DataFrame, in_folder: Path) -> None:
    prepared = prepare(flowers, Options(target="kind"))

    def kept(uri: str | None) -> object:
        return record(prepared, Options(tracking_uri=uri), command="automl.fit")["options"]["tracking_uri"]

    assert kept("sqlite:///my.db") == f"sqlite:///{in_folder}/my.db"
    assert kept("http://me:pass@host:5000") == "http://***@host:5000"
    assert kept(None) is None
