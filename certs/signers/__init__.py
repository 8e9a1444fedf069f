"""Where keys live: one port (:mod:`certs.signers.port`), one module a kind of backend."""
