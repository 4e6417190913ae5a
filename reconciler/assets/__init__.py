"""What a project owns: bytes by digest, readable names for them, and a manifest for programs."""
