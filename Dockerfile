# Builds the dashboard once; the image runs one server. DATABASE_URL and ESCAPEMENT_TOKEN are yours to give.
FROM node:24-slim AS build
WORKDIR /app
COPY . .
RUN npm ci && node server/setup.mjs --web && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim
WORKDIR /app
COPY --from=build /app /app
RUN mkdir -p /data && chown node /data
USER node
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4400 ESCAPEMENT_DATA_DIR=/data
VOLUME /data
EXPOSE 4400
# node itself, not npm: npm does not hand on SIGTERM.
CMD ["node", "--import", "tsx", "server/main.ts", "server"]
