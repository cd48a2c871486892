FROM rust:1.95-slim-trixie AS build
# C++ for the video encoder, nasm for its fast half. Their versions are the base image's.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ nasm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /kinora
COPY . .
RUN cargo build --release --locked --package kinora --features c2pa,s3

FROM debian:trixie-slim
# curl asks for the health of the studio.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 8765 --no-create-home --shell /usr/sbin/nologin kinora \
    && install --directory --owner kinora --mode 0700 /data
COPY --from=build /kinora/target/release/kinora /usr/local/bin/kinora
USER 8765
# Every address of the container, which needs an API key: docs/operation.md.
ENV KINORA_DATA_DIR=/data \
    KINORA_MODELS=/data/models \
    KINORA_SERVER_HOST=0.0.0.0 \
    KINORA_SERVER_DRAIN_SECONDS=8 \
    KINORA_LOG_FORMAT=json \
    KINORA_LOG_LEVEL=info
VOLUME /data
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
    CMD ["curl", "--fail", "--silent", "--show-error", "http://127.0.0.1:8765/readyz"]
CMD ["kinora", "serve"]
