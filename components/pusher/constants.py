"""Names that the component shares with the resolvers; imports nothing heavy."""

MODEL_ID = "model_id"
