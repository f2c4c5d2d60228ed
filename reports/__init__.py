"""Pages that people look at: reports of runs, lineage, predictions."""
