"""ExampleGen of images: class folders, IDX files or a CSV of paths to the standard Examples artifact."""
