"""What runs, and where: the DAG, its typed configuration, its runners and the command line."""
