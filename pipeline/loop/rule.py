"""Whether the model is trained anew, by the rule and what was found of a span."""

from __future__ import annotations

from pipeline.loop.settings import MetricFalls, Rule
from pipeline.sections import Config
from pipeline.task_metrics import METRICS
from pipeline.unseen.judgement import Judgement

_SHOWN = 3


def decide(config: Config, judgement: Judgement, kept: int) -> tuple[bool, str]:
    """(whether to train, why).

    kept: good spans since the model was trained last, before this one.
    """
    rule = config.loop.retrain
    if isinstance(rule, Rule):
        if rule.every is not None:
            return kept + 1 >= rule.every, f"{kept + 1} of {rule.every} spans"
        assert rule.when_metric_falls is not None
        return _falls(config, rule.when_metric_falls, judgement)
    if rule == "when_drift":
        return bool(judgement.drifted), drifted(judgement)
    return rule == "always", f"retrain: {rule}"


def drifted(judgement: Judgement) -> str:
    """Which columns drifted, in short."""
    names = judgement.drifted
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more} drifted" if names else "nothing drifted"


def _falls(config: Config, wanted: MetricFalls, judgement: Judgement) -> tuple[bool, str]:
    higher_is_better = METRICS[config.task][wanted.metric]
    told = []
    for row in judgement.metrics:
        if row["metric"] != wanted.metric or wanted.output not in (None, row["output"]):
            continue
        name = f"{row['output']} {row['metric']}".strip()
        value, was = row["value"], row["baseline"]
        if value is None:
            return True, f"{name} is not a number"
        if was is None:
            told.append(f"{name} {value:.4g}, with nothing to compare with")
            continue
        fall = was - value if higher_is_better else value - was
        if fall > wanted.by:
            return True, f"{name} went from {was:.4g} to {value:.4g}, more than {wanted.by:g} worse"
        told.append(f"{name} {value:.4g}, was {was:.4g}")
    return False, "; ".join(told) or f"{wanted.metric} was not measured"
