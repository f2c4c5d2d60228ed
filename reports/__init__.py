"""Pages that people look at, made from ML Metadata and artifacts alone: without TensorFlow, TFX or Beam."""
