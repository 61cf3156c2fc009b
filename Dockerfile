# The operator as an image. Both stages have the same Debian, so the same C library. The digests are those of the indexes of
# all platforms: a tag that is moved changes nothing here.
FROM rust:1.95-slim-trixie@sha256:28846ec5a6bcfcddb93f403ba7071bd579787852b2f2ac3839965620e8bd9456 AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN cargo build --release --locked --bin service-catalog

# The C library, the root certificates, and nothing to log in to.
FROM gcr.io/distroless/cc-debian13@sha256:4594d59540d1948417f6ca2829ddd9294493a7c68b7528f4dd459de7f203a750
COPY --from=build /source/target/release/service-catalog /service-catalog
USER 65532:65532
ENTRYPOINT ["/service-catalog"]
CMD ["run"]
