"""What a project remembers: its purchases, what each address shows, its history, and its lock."""
