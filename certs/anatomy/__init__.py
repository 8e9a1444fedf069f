"""The anatomy of a PDF file: what every byte of it is for. :mod:`certs.structure` is the way in."""
