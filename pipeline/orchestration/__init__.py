"""What other orchestrators are given: files that call `mlpipe node run`, node by node."""
