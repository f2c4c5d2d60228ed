"""Names that the component shares with the Pusher, the gate and the summary; imports nothing heavy."""

REPORT = "serving_check.json"

# As TFX's InfraValidator names them.
BLESSED = "blessed"
HAS_MODEL = "has_model"
BLESSED_FILE = "INFRA_BLESSED"
NOT_BLESSED_FILE = "INFRA_NOT_BLESSED"
