"""What a spec could say better: rules that never fail anything. docs/advice.md lists them."""
