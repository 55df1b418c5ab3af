"""MLflow's model registry: a new version of a named model, and whether it takes the champion's place."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

from mlflow import MlflowClient, MlflowException
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion

from automl import evaluation
from automl.figures import score
from automl.tasks import Metric
from automl.tracking import store

CHAMPION, CHALLENGER = "champion", "challenger"
# A tag of a version of which nobody has yet found out which of the two it is.
UNDECIDED = "undecided"
# What a model says of rows whose truth is known, and where that is among its run's artifacts: a run that goes on has
# several models, and each a folder of its own there. Older runs have one file, in no folder.
EVALUATION, EVALUATIONS = "evaluation.npz", "evaluations"
# Of a run's tags: two models can be compared where these are the same.
SAME = ("digest", "test_digest", "task", "target", "objective")
# MLflow's limit.
LONGEST_DESCRIPTION = 5000


def keep(client: MlflowClient, evaluated: Path, *, run_id: str, model_id: str) -> None:
    """Keeps the `evaluation.npz` of a run's model, for versions to come to be compared with."""
    client.log_artifact(run_id, str(evaluated), _folder(model_id))


def register(
    client: MlflowClient, name: str, *, run_id: str, model_id: str, verdict: str, metric: Metric, evaluated: Path
) -> str:
    """Makes the run's model a version of `name`, and says in a sentence whether it is the champion.

    The first version is. A later one becomes it if on the same unseen rows it is better than the champion by more than
    chance (a paired bootstrap, 95 %); otherwise it is the challenger. A version that is there already stays what it
    is, unless an earlier attempt broke off before that was decided.

    Args:
        verdict: becomes the version's description.
        evaluated: the run's `evaluation.npz`.
    """
    # "models:/…" would be looked up in the store that the whole process has set, which need not be this one.
    source = client.get_logged_model(model_id).artifact_location
    version = _version(client, name, run_id=run_id, model_id=model_id, source=source)
    if version is not None and UNDECIDED not in version.tags:
        return f"It is version {version.version} of {name!r} already."
    champion = _champion(client, name)
    if version is None:
        version = client.create_model_version(
            name,
            source=source,
            run_id=run_id,
            model_id=model_id,
            tags={UNDECIDED: "true"},
            description=verdict[:LONGEST_DESCRIPTION],
        )
    number = str(version.version)
    if champion is None:
        aliases, became = {CHAMPION: number}, "its first champion."
    elif str(champion.version) == number:
        aliases, became = {}, "its champion."
    else:
        wins, why = _beats(client, champion, run_id=run_id, metric=metric, evaluated=evaluated)
        # The challenger comes first: where an attempt breaks off between the two, the next one comes to the same.
        aliases = {CHALLENGER: str(champion.version), CHAMPION: number} if wins else {CHALLENGER: number}
        became = f"the new champion: {why}" if wins else f"a challenger of version {champion.version}: {why}"
    for alias, bearer in aliases.items():
        client.set_registered_model_alias(name, alias, bearer)
    client.delete_model_version_tag(name, number, UNDECIDED)
    return f"Registered as version {number} of {name!r}, {became}"


def _version(client: MlflowClient, name: str, *, run_id: str, model_id: str, source: str) -> ModelVersion | None:
    """The version that the run's model is already; None if it is none."""
    for version in client.search_model_versions(f"run_id = '{run_id}'"):
        # A version in a database knows where its model lies, and not which one it is.
        if version.name == name and (version.model_id == model_id or version.source == source):
            return version
    return None


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    """The present champion; makes sure that there is a model of that name."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code not in store.NOT_THERE:
            raise
        return None


def _beats(
    client: MlflowClient, champion: ModelVersion, *, run_id: str, metric: Metric, evaluated: Path
) -> tuple[bool, str]:
    """Whether the new model is better than the champion, and the reason."""
    its = _run(client, champion.run_id)
    if its is None:
        return False, "they cannot be compared, since the champion's run is gone."
    mine = client.get_run(run_id).data.tags
    differing = [name for name in SAME if mine.get(name) != its.data.tags.get(name)]
    if differing:
        return False, f"they cannot be compared, since their {' and '.join(differing)} differ."
    kept = _kept(client, champion, its)
    if kept is None:
        return False, "they cannot be compared, since the champion's predictions are not kept."
    with TemporaryDirectory() as folder:
        path = Path(client.download_artifacts(its.info.run_id, kept, folder))
        old, new = evaluation.read(path), evaluation.read(evaluated)
    part = "test" if "test" in new else "val"
    if part not in old or not evaluation.judged_alike(new[part], old[part]):
        return False, "they cannot be compared, since their rows are split differently."
    return _is_better(evaluation.advantage(new[part], old[part], metric), metric, part)


def _run(client: MlflowClient, run_id: str | None) -> Run | None:
    """The run of a version; None if there is no such one: versions outlive theirs, and some were made of none."""
    if not run_id:
        return None
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in store.NOT_THERE:
            raise
        return None


def _kept(client: MlflowClient, version: ModelVersion, run: Run) -> str | None:
    """Where among its run's artifacts the predictions of a version are; None if they are not kept."""
    models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    # A version in a database knows where its model lies, and not which one it is.
    folders = [_folder(model.model_id) for model in models if model.artifact_location == version.source]
    for folder in (*folders, None):
        path = f"{folder}/{EVALUATION}" if folder else EVALUATION
        if any(file.path == path for file in client.list_artifacts(run.info.run_id, folder)):
            return path
    return None


def _folder(model_id: str) -> str:
    return f"{EVALUATIONS}/{model_id}"


def _is_better(advantage: tuple[float, float], metric: Metric, part: str) -> tuple[bool, str]:
    """What the range of the new model's advantage on the rows of a part means."""
    low, high = advantage
    if math.isnan(low):
        return False, f"they cannot be compared, since {metric.title} cannot be told of their rows."
    rows = "on the same test rows" if part == "test" else "on the same validation rows"
    flattered = "" if part == "test" else " These rows chose both models, which flatters them."
    if low > 0:
        return True, f"its {metric.title} is better by {score(low)} to {score(high)} {rows}.{flattered}"
    if high < 0:
        return False, f"its {metric.title} is worse by {score(-high)} to {score(-low)} {rows}.{flattered}"
    if low == high:
        return False, f"both have the same {metric.title} {rows}.{flattered}"
    range_of = f"{score(-low)} worse to {score(high)} better"
    return False, f"its {metric.title} may be {range_of} {rows}, which is not beyond chance.{flattered}"
