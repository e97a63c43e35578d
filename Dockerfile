# docker build --target cpu -t panic-tda .           workers, commands, and models on the processor
# docker build --target cuda -t panic-tda-cuda .     with CUDA 13 and cuDNN 9, linux/amd64 only, some 4 GB
#
# Both run as the user "panic-tda" (10001), keep their data in /data and model files in /models, and take the commands of
# panic-tda: docker run --rm panic-tda --help

ARG NODE_IMAGE=node:20.20.2-bookworm-slim@sha256:2cf067cfed83d5ea958367df9f966191a942351a2df77d6f0193e162b5febfc0
# Its major version is the one for which the runtime's CUDA provider was built; the stage "cuda-provider"
# checks that.
ARG CUDA_IMAGE=nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04@sha256:14d94b039cb94bbd5da559f303b46bc4b0d5d6c24ab1a9d7b186e566ed3400dc

FROM ${NODE_IMAGE} AS build
# better-sqlite3 is compiled here, since no checksum secures the prebuilt library that its script would
# download.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3 make g++ \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
# Only this install script runs, with the headers of the image.
RUN npm ci --include=dev --ignore-scripts --no-audit --no-fund \
 && npm_config_build_from_source=true npm_config_nodedir=/usr/local npm rebuild better-sqlite3
COPY . .
RUN node scripts/build.mjs
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/.cache

# This stage uses the image of the workers, so that the build fails if that image lacks a library which the
# provider needs.
FROM ${CUDA_IMAGE} AS cuda-provider
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /app /app
WORKDIR /app
RUN node bin/panic-tda.mjs setup cuda --without-gpu

FROM ${NODE_IMAGE} AS cpu
RUN echo 'panic-tda:x:10001:10001::/data:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'panic-tda:x:10001:' >> /etc/group \
 && install --directory --owner=10001 --group=10001 /data /models
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/bin bin
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
ENV NODE_ENV=production PANIC_TDA_DATA=/data PANIC_TDA_MODELS=/models PANIC_TDA_CACHE=/data/cache
USER 10001:10001
VOLUME ["/data", "/models"]
ENTRYPOINT ["node", "/app/bin/panic-tda.mjs"]
CMD ["--help"]

FROM ${NODE_IMAGE} AS node

FROM ${CUDA_IMAGE} AS cuda
COPY --from=node /usr/local/bin/node /usr/local/bin/node
RUN echo 'panic-tda:x:10001:10001::/data:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'panic-tda:x:10001:' >> /etc/group \
 && install --directory --owner=10001 --group=10001 /data /models
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/bin bin
COPY --from=cuda-provider /app/node_modules node_modules
COPY --from=build /app/dist dist
ENV NODE_ENV=production PANIC_TDA_DATA=/data PANIC_TDA_MODELS=/models PANIC_TDA_CACHE=/data/cache
USER 10001:10001
VOLUME ["/data", "/models"]
ENTRYPOINT ["node", "/app/bin/panic-tda.mjs"]
CMD ["--help"]
