"""APIMart's Midjourney protocol, as its documents tell it."""
