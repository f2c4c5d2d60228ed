"""What `trainer_modules.image_classifier` is made of: decoding, input pipeline, transfer, export."""
