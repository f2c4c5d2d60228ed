# syntax=docker/dockerfile:1
# ML Metadata and TFDV 1.21 need glibc 2.39 or newer; trixie has 2.41. Linux on x86_64 alone.
FROM python:3.11-slim-trixie

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    UV_NO_CACHE=1 \
    UV_SYSTEM_PYTHON=1 \
    MLPIPE_HOME=/state

WORKDIR /app

# The dependencies first: their layer is kept as long as the locks are.
COPY requirements/ requirements/
RUN pip install --require-hashes -r requirements/bootstrap.lock \
    && uv pip install --no-deps --require-hashes \
        --build-constraints requirements/runtime.lock -r requirements/runtime.lock

COPY . .
RUN uv pip install --no-deps --no-build-isolation -e . \
    && useradd --create-home --uid 1000 mlpipe \
    && install -d -o mlpipe -g mlpipe /state

# By its number: Kubernetes takes a name for one that could be root (runAsNonRoot).
USER 1000
VOLUME /state
ENTRYPOINT ["mlpipe"]
CMD ["--help"]
