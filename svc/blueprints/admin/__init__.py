"""Administration of people, units, positions, certificates and API tokens."""

from svc.blueprints.admin import certificates, keys, organisation, people, remote_calls, tokens, trust
from svc.blueprints.admin.root import bp

__all__ = ["bp", "certificates", "keys", "organisation", "people", "remote_calls", "tokens", "trust"]
