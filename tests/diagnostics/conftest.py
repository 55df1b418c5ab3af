"""Tables as the checks of the data see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from automl import resources
from automl.data.profile import profile
from automl.data.split import Split
from automl.diagnostics import Data
from automl.options import Options
from automl.preparation import prepare

SHIPPED = {
    "auto_mpg": "mpg",
    "concrete": "strength",
    "german_credit": "class",
    "heart_cleveland": "num",
    "penguins": "species",
}
