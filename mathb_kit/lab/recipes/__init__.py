"""How the miniature was made: one TOML file per shipped checkpoint, and the code that follows it."""
