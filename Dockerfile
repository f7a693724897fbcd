# syntax=docker/dockerfile:1
# The gateway, with its page inside the binary, and beside it the ladder's worker with FFmpeg's libraries.
#   docker build -t sluicegate .
#   docker run --rm -p 1935:1935 -p 8080:8080 sluicegate

FROM node:22-bookworm-slim AS page
WORKDIR /page
# The libraries first: they change less often than the page.
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM rust:1.95-bookworm AS gateway
RUN apt-get update && apt-get install -y --no-install-recommends \
    libavcodec-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev libclang-dev clang pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /gateway
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY benches ./benches
COPY tests ./tests
COPY config ./config
COPY web ./web
COPY --from=page /page/dist ./web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/gateway/target \
    cargo build --release --locked --features transcode --bin sluicegate --bin sluicegate-ladder && \
    cp target/release/sluicegate target/release/sluicegate-ladder /usr/local/bin/

FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libavcodec59 libavformat59 libavutil57 libswresample4 libswscale6 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin sluicegate
COPY --from=gateway /usr/local/bin/sluicegate /usr/local/bin/sluicegate-ladder /usr/local/bin/
COPY config/sluicegate.toml /etc/sluicegate/sluicegate.toml
# For segments.spool: a volume that is mounted there begins as that user's.
RUN install -d -o 10001 -g 10001 /var/lib/sluicegate
USER 10001:10001
# RTMP in; everything out.
EXPOSE 1935 8080
# Asks /healthz on this container's own loopback.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["sluicegate", "healthcheck"]
# SIGTERM starts the orderly leave; give it longer than the gateway's own deadline: docker stop -t 15.
STOPSIGNAL SIGTERM
ENTRYPOINT ["sluicegate"]
CMD ["serve", "--config", "/etc/sluicegate/sluicegate.toml"]
