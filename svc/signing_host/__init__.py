"""Keys are held here for as long as one authorisation lives, and nowhere else outside their owner's request.

``holder`` and ``grant`` are the rules; ``signers`` makes a signer of a key. ``inline`` keeps them in the calling
process, ``server`` in a process of its own (``paraf signing-host``) that ``client`` talks to by ``protocol`` over
``transport``; ``process`` is that process's life.
"""
