"""The names of the rules of advice: what a spec can silence."""

from enum import StrEnum


class Rule(StrEnum):
    """One kind of advice. It is about what is allowed and often not meant."""

    SUBJECT_FIRST = "subject-first"
    """A prompt should begin with what the picture shows."""
    VAGUE_WORDS = "vague-words"
    """A word that models read in another way than people."""
    QUOTED_WORDS = "quoted-words"
    """What stands in quotes is drawn as letters."""
    FLAGS_IN_PROMPT = "flags-in-prompt"
    """A flag in a prompt has a field, which reads better."""
    OVERSIZED_REFERENCE = "oversized-reference"
    """A picture that is larger than a provider makes use of."""
    VIDEO_BATCH = "video-batch"
    """Several clips of one video are each paid."""
    EXPIRING_URL = "expiring-url"
    """A URL of somebody else that may stop working."""
