"""Hostile bytes are parsed here and nowhere else: in processes that own nothing and reach nothing.

``port`` is what services see. ``pool`` is the parent's side, ``worker`` the zygote that stays warm and forks one
child for each task, ``bars`` and ``syscalls`` what keeps a child in, ``tasks`` and ``drawing`` the work itself, and
``inline`` does the same work without a cage (tests, and systems that are not Linux).
"""
