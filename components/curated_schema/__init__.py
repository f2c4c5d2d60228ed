"""A schema that people wrote, as an input whose content counts."""
