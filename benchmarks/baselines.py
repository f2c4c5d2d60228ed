"""What a classic model reaches on the same split of the same rows: the bar for a pipeline's model.

scikit-learn fits on `train`, chooses its regularisation on `valid` and is measured on `eval`, as the pipelines are.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, roc_auc_score, root_mean_squared_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, StandardScaler

from components.columnar_example_gen import examples, inputs
from pipeline import sources
from pipeline.home import Home
from pipeline.sections import Config

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)


def held_out(config: Config, home: Home) -> dict[str, float]:
    """Metric -> value on the eval split, of a logistic or a ridge regression on the pipeline's own columns."""
    splits = _splits(config, home)
    labels = config.labels
    columns = [column for column in splits["train"] if column not in labels]
    prepare = _preparation(config, splits["train"][columns])
    inputs_of = {name: frame[columns] for name, frame in splits.items()}
    targets = {name: frame[labels].to_numpy() for name, frame in splits.items()}
    if config.task == "regression":
        ridge = _best(
            [make_pipeline(prepare, Ridge(alpha=strength / 100)) for strength in STRENGTHS],
            inputs_of,
            targets,
        )
        errors = root_mean_squared_error(
            targets["eval"],
            ridge.predict(inputs_of["eval"]).reshape(-1, len(labels)),
            multioutput="raw_values",
        )
        names = [f"{label} rmse" if len(labels) > 1 else "rmse" for label in labels]
        return dict(zip(names, map(float, errors), strict=True))
    flat = {name: values.ravel() for name, values in targets.items()}
    logistic = _best(
        [make_pipeline(prepare, LogisticRegression(C=strength, max_iter=2000)) for strength in STRENGTHS],
        inputs_of,
        flat,
    )
    result = {"accuracy": float(accuracy_score(flat["eval"], logistic.predict(inputs_of["eval"])))}
    if config.task == "binary":
        scores = logistic.predict_proba(inputs_of["eval"])[:, 1]
        result["auc"] = float(roc_auc_score(flat["eval"] == logistic.classes_[1], scores))
    return result


def _splits(config: Config, home: Home) -> dict[str, pd.DataFrame]:
    source = sources.find(config, home)
    files = inputs.resolve(source.base, {sources.SPLIT: source.pattern}).files
    built = examples.build(files, source.reader, config.data.splits)
    frame = built.table.to_pandas()
    return {name: frame[built.assigned == index] for index, name in enumerate(built.splits)}


def _preparation(config: Config, train: pd.DataFrame) -> ColumnTransformer:
    features = config.trainer.features
    bucketed = [column for column in features.get("bucketed", {}) if column in train]
    text = [column for column in train if not pd.api.types.is_numeric_dtype(train[column])]
    categorical = [*text, *(column for column in features.get("categorical", []) if column not in text)]
    numeric = [column for column in train if column not in {*bucketed, *categorical}]
    one_hot = OneHotEncoder(handle_unknown="ignore")
    return ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numeric),
            (
                "bucketed",
                make_pipeline(
                    SimpleImputer(add_indicator=True),
                    KBinsDiscretizer(10),
                ),
                bucketed,
            ),
            ("categorical", one_hot, categorical),
        ]
    )


def _best(
    candidates: Iterable[Pipeline], inputs_of: dict[str, pd.DataFrame], targets: dict[str, np.ndarray]
) -> Pipeline:
    """The candidate, fitted on train, with the best score on valid."""
    fitted = [candidate.fit(inputs_of["train"], targets["train"]) for candidate in candidates]
    return max(fitted, key=lambda model: model.score(inputs_of["valid"], targets["valid"]))
