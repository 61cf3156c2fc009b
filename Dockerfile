# The operator as an image. Both stages have the same Debian, so the same C library.
FROM rust:1.95-slim-trixie AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN cargo build --release --locked --bin service-catalog

# The C library, the root certificates, and nothing to log in to.
FROM gcr.io/distroless/cc-debian13
COPY --from=build /source/target/release/service-catalog /service-catalog
USER 65532:65532
ENTRYPOINT ["/service-catalog"]
CMD ["run"]
