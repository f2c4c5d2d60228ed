"""Metrics that TFMA does not have, as TFMA metrics: named in an EvalConfig by module and class."""
