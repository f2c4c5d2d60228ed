"""Transform: TFX's artifacts and results, made on one machine from large Arrow batches without Beam."""
