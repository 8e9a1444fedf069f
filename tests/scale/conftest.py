"""RabbitMQ's package cannot be had everywhere; ``PARAF_TEST_RABBITMQ=none`` says so on purpose."""

from __future__ import annotations

import os

collect_ignore = ["test_rabbitmq.py"] if os.environ.get("PARAF_TEST_RABBITMQ") == "none" else []
