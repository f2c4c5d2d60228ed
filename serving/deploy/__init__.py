"""Files that run TF Serving itself on pushed models: docker compose, Kubernetes, Prometheus."""
