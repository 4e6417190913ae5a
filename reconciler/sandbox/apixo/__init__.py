"""APIXO's Midjourney API as this project understands it; the source of every fact is its sheet."""
