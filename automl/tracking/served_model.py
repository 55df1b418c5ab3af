"""The code that MLflow keeps with a model and runs to serve it: raw rows in, predictions out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class ServedModel(PythonModel):
    """One row of predictions for each row of features."""

    # MLflow finds `context` by that name.
    def load_context(self, context: Any) -> None:
        """Loads the bundle; with it comes TensorFlow."""
        from automl import model

        self.model = model.load(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The column `prediction`, and for a classification `probability_CLASS` of every class."""
        answers = pd.DataFrame({"prediction": self.model.predict(model_input)}, index=model_input.index)
        if self.model.task == "classify":
            return pd.concat([answers, self.model.predict_proba(model_input).add_prefix("probability_")], axis=1)
        return answers


set_model(ServedModel())
