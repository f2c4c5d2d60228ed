"""ExampleGen over texts: tables, folders, long files, pairs of lines and tagged tokens to the standard Examples artifact."""
