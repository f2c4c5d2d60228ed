"""ExampleGen over Arrow columns: CSV files to the standard Examples artifact, without Beam."""
