"""Runs a Plan: submits, waits, downloads, shows; and knows what may never be sent twice."""
