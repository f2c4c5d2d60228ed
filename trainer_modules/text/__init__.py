"""What the modules on text share: tokenizers, vocabularies, batches by length, pretrained vectors."""
