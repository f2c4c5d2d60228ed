"""The lineage browser: a small web app for this machine, read-only on ML Metadata, rendered on the server."""
