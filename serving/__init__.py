"""The model server for development, and what deploys TF Serving proper."""
