"""MLflow's model registry: a new version of a named model, and whether it takes the champion's place."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient, MlflowException
from mlflow.entities.model_registry import ModelVersion

from automl import evaluation
from automl.figures import score
from automl.tasks import Metric

CHAMPION, CHALLENGER = "champion", "challenger"
# Of a run's artifacts: what its model says of rows whose truth is known.
EVALUATION = "evaluation.npz"
# Of a run's tags: two models can be compared where these are the same.
SAME = ("digest", "task", "target", "objective")
# MLflow's limit.
LONGEST_DESCRIPTION = 5000


def register(
    client: MlflowClient, name: str, *, run_id: str, model_id: str, verdict: str, metric: Metric, evaluated: Path
) -> str:
    """Makes the run's model a version of `name`, and says in a sentence whether it is the champion.

    The first version is. A later one becomes it if on the same unseen rows it is better than the champion by more than
    chance (a paired bootstrap, 95 %); otherwise it is the challenger.

    Args:
        verdict: becomes the version's description.
        evaluated: the run's `evaluation.npz`.
    """
    there = client.search_model_versions(f"run_id = '{run_id}'")
    if known := [version for version in there if version.name == name and version.model_id == model_id]:
        return f"It is version {known[0].version} of {name!r} already."
    champion = _champion(client, name)
    version = client.create_model_version(
        name,
        # "models:/…" would be looked up in the store that the whole process has set, which need not be this one.
        source=client.get_logged_model(model_id).artifact_location,
        run_id=run_id,
        model_id=model_id,
        description=verdict[:LONGEST_DESCRIPTION],
    )
    number = str(version.version)
    if champion is None:
        client.set_registered_model_alias(name, CHAMPION, number)
        return f"Registered as version {number} of {name!r}, its first champion."
    wins, why = _beats(client, champion, run_id=run_id, metric=metric, evaluated=evaluated)
    if wins:
        client.set_registered_model_alias(name, CHAMPION, number)
        client.set_registered_model_alias(name, CHALLENGER, str(champion.version))
        return f"Registered as version {number} of {name!r}, the new champion: {why}"
    client.set_registered_model_alias(name, CHALLENGER, number)
    return f"Registered as version {number} of {name!r}, a challenger of version {champion.version}: {why}"


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """The present champion; makes sure that there is a model of that name."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:
        return None


def _beats(
    client: MlflowClient, champion: ModelVersion, *, run_id: str, metric: Metric, evaluated: Path
) -> tuple[bool, str]:
    """Whether the new model is better than the champion, and the reason."""
    mine, its = (client.get_run(run).data.tags for run in (run_id, champion.run_id))
    differing = [name for name in SAME if mine.get(name) != its.get(name)]
    if differing:
        return False, f"they cannot be compared, since their {' and '.join(differing)} differ."
    with TemporaryDirectory() as folder:
        try:
            path = Path(client.download_artifacts(champion.run_id, EVALUATION, folder))
        except MlflowException:
            return False, "they cannot be compared, since the champion's predictions are not kept."
        old, new = evaluation.read(path), evaluation.read(evaluated)
    part = "test" if "test" in new else "val"
    if part not in old:
        return False, "they cannot be compared, since their rows are split differently."
    low, high = evaluation.advantage(new[part], old[part], metric)
    if math.isnan(low):
        return False, "they cannot be compared, since their rows are split differently."
    if low > 0:
        return True, f"its {metric.title} is better by {score(low)} to {score(high)} on the same rows."
    range_of = f"{score(low)} to {score(high)}"
    return False, f"on the same rows its {metric.title} is better by {range_of}, which is not beyond chance."
