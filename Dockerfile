# The control plane's image: the same entry point, user and ports as istiod's, so that its chart runs this one unchanged.
#
#     docker build -t meshpilot .
#     docker run --rm -v "$PWD/examples/bookinfo/mesh:/etc/mesh:ro" -p 15010:15010 meshpilot discovery --configDir /etc/mesh

# --- build: everything that compiles, generates or downloads stays here ----------------------------------------------
FROM python:3.11-slim AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

# Dependencies first: this layer changes only with the locks. --only-binary: nothing is ever compiled.
COPY locks/image.lock locks/image-build.lock locks/
RUN python -m venv /opt/meshpilot \
    && /opt/meshpilot/bin/pip install --require-hashes --only-binary :all: -r locks/image.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r locks/image-build.lock

COPY pyproject.toml setup.py README.md LICENSE ./
COPY protos/ protos/
COPY pilot/ pilot/
COPY ca/ ca/
COPY webhook/ webhook/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index -w dist . \
    && /opt/meshpilot/bin/pip install --no-deps --no-index dist/*.whl \
    && /opt/meshpilot/bin/pip uninstall -y pip \
    && /opt/meshpilot/bin/pilot-discovery --help > /dev/null

# --- run: an interpreter, the environment, and a user without rights ---------------------------------------------------
FROM python:3.11-slim
COPY --from=build /opt/meshpilot /opt/meshpilot
# Manifests that name istiod's binary by its path find it; state (CA key, warm snapshot) has a place that the user may write.
RUN ln -s /opt/meshpilot/bin/pilot-discovery /usr/local/bin/pilot-discovery \
    && ln -s /opt/meshpilot/bin/meshpilot /usr/local/bin/meshpilot \
    && install -d -o 1337 -g 1337 -m 0700 /var/lib/meshpilot
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MESHPILOT_STATE_DIR=/var/lib/meshpilot
VOLUME /var/lib/meshpilot

# xDS plaintext, xDS and CA with TLS, webhooks, metrics, readiness and debug pages
EXPOSE 15010 15012 15017 15014 8080

# By number: Kubernetes' runAsNonRoot cannot check a name.
USER 1337:1337
ENTRYPOINT ["pilot-discovery"]
CMD ["discovery"]
