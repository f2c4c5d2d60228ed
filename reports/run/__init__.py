"""The sections of the report of a run, one module each: `section(facts) -> Section`."""
