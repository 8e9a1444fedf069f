"""WSGI entry point for a server of one's own choice: ``gunicorn wsgi:app``."""

from svc.app import create_app
from svc.settings import Settings

app = create_app(Settings.from_env())
