"""YAML with positions → models → resources. Knows no provider's wire format."""
