# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements.lock ./
# Wheels with locked hashes only, so no compiler is needed here either. The finished environment
# needs no pip.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-input --require-hashes --only-binary=:all: -r requirements.lock \
    && /opt/venv/bin/python -m pip uninstall --yes pip

FROM python:3.13-slim
# The image brings its own pip; the service installs nothing.
RUN useradd --system --uid 10001 --home-dir /var/lib/firstbell --create-home --shell /usr/sbin/nologin firstbell \
    && python -m pip uninstall --yes --root-user-action=ignore pip
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY alembic.ini LICENSE ./
COPY migrations migrations
COPY api api
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 FIRSTBELL_HOST=0.0.0.0 FIRSTBELL_PORT=8000 FIRSTBELL_DATA_DIR=/var/lib/firstbell
USER 10001
# Only used without a DATABASE_URL: the embedded server's data and the secret key.
VOLUME /var/lib/firstbell
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['FIRSTBELL_PORT']}/readyz\", timeout=4)"]
# No shell in between: process 1 is the service and gets the signals.
ENTRYPOINT ["python", "-m", "api"]
CMD ["serve"]
