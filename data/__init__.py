"""Where examples come from: a loader per data set, and small samples with their licences."""
