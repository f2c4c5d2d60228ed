"""Model families: each module has preprocessing_fn, run_fn and tuner_fn for the TFX components that call them."""
