"""Keys, certificates, signatures and their validation: bytes in, bytes out."""
