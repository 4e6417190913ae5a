"""A declarative reconciler for AI-generated pictures that cost money."""

__version__ = "0.1.0"
