"""Administration of people, units, positions, certificates and API tokens."""

from svc.blueprints.admin import certificates, organisation, people, remote_calls, tokens, trust
from svc.blueprints.admin.root import bp

__all__ = ["bp", "certificates", "organisation", "people", "remote_calls", "tokens", "trust"]
