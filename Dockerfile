# syntax=docker/dockerfile:1

# The image holds one static binary, the certificates it needs for TLS and a
# user to run as; time zones are inside the binary. .ci/run carries out the RUN
# and COPY lines below without Docker and runs the demo in the result, so keep
# to paths under /out for what is made here.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH
ARG VERSION=dev COMMIT=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/inboxbot ./cmd/inboxbot
RUN echo 'inboxbot:x:65532:65532:inboxbot:/:/inboxbot' > /out/passwd

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/passwd /etc/passwd
COPY --from=build /out/inboxbot /inboxbot
# Inside a container, its own loopback is of no use to whoever asks for health
# and metrics. Every interface, IPv4 and IPv6; publish the port to nobody else.
ENV BOT_HTTP_ADDR=:8080
EXPOSE 8080
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["/inboxbot", "healthcheck"]
ENTRYPOINT ["/inboxbot"]
CMD ["run"]
