"""What trainer modules share: labels, input data, training, checkpoints and export."""
