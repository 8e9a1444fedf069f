"""Subcommands of ``paraf``: each module adds its own to the group by ``register``."""
