# One image for every process of the service; what it runs is the command (paraf web, paraf worker, …).
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/paraf
COPY requirements/scale.lock requirements/scale.lock
RUN /opt/paraf/bin/pip install --require-hashes -r requirements/scale.lock
COPY pyproject.toml README.md LICENSE wsgi.py ./
COPY svc svc
COPY certs certs
COPY workflows workflows
COPY templates templates
RUN /opt/paraf/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
# The folder of keys is its own user's; a new volume at this place is given the same owner.
RUN groupadd --system --gid 10001 paraf \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/paraf --shell /usr/sbin/nologin paraf \
    && install -d -m 0700 -o paraf -g paraf /var/lib/paraf
COPY --from=build /opt/paraf /opt/paraf
ENV PATH=/opt/paraf/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PARAF_VAR_DIR=/var/lib/paraf PARAF_BIND=0.0.0.0:8000 PARAF_LOG_FORMAT=json
WORKDIR /var/lib/paraf
USER 10001:10001
VOLUME /var/lib/paraf
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["paraf", "web"]
