# One image with the three programs: sigmabatch, sigmabatch-worker and sigmabatch-scheduler.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
# The image's own toolchain, not one that rustup would fetch for rust-toolchain.toml.
ENV RUSTUP_TOOLCHAIN=1.95.0 SQLX_OFFLINE=true
COPY . .
# What is compiled stays in the builder's cache between builds, so the programs are copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p sigmabatch -p sigmabatch-worker -p sigmabatch-scheduler \
    && mkdir /out \
    && cp target/release/sigmabatch target/release/sigmabatch-worker target/release/sigmabatch-scheduler /out/

FROM debian:bookworm-slim
# The roots that TLS connections to providers and to a hosted Postgres are checked against.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin sigmabatch
COPY --from=build /out/ /usr/local/bin/
USER 10001:10001
# The programs handle SIGTERM themselves and start no children, so they can be process 1.
CMD ["sigmabatch", "--help"]
