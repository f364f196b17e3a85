# sidegate as an image: one static binary and the CA certificates, nothing else. No
# shell, no package manager, no root.
ARG BUILD_IMAGE=golang:1.26-bookworm

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN ["go", "mod", "download"]
COPY . .
ENV CGO_ENABLED=0
# Without the demo: it listens on loopback only, where nobody outside could reach it.
# And without methods in templates, which it has none of: a third of its size, see release/slim.
RUN ["go", "run", "./release/slim", "/tmp/overlay.json"]
RUN ["go", "build", "-overlay=/tmp/overlay.json", "-tags=nodemo", "-trimpath", "-ldflags=-s -w", "-o", "/out/sidegate", "./cmd/sidegate"]

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/sidegate /sidegate

# By number: Kubernetes cannot see that a name is not root (runAsNonRoot).
USER 65532:65532

# The port is published by whoever runs the container, so it must not be loopback's.
# The admin listener stays on loopback: it is for the health check and for the app
# beside us.
ENV SIDEGATE_LISTEN=:8080
EXPOSE 8080

HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/sidegate", "healthcheck"]
ENTRYPOINT ["/sidegate"]
