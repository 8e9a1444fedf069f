"""Keys, certificates, signatures and their validation: bytes in, bytes out.

The parsers used here quote the file in what they log (names, objects, the signer): text that a stranger chose, line
ends included, and of a document that may be secret. None of it reaches a log; what is wrong is told by codes.
"""

import logging

for _parser in ("pyhanko", "pyhanko_certvalidator", "pikepdf", "pikepdf._core"):
    logging.getLogger(_parser).setLevel(logging.CRITICAL + 1)
