"""ExampleGen over Arrow columns: tables in files to the standard Examples artifact, in bounded memory."""
