/** How the dashboard is built: `vite build --config web/vite.config.ts` writes web/dist, which the server answers at `/`. */
import { fileURLToPath } from "node:url";
import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  plugins: [react(), tailwind()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    // An inlined asset would be a data: URL, which a strict Content-Security-Policy refuses.
    assetsInlineLimit: 0,
  },
  // `vite dev` beside a running server, for work on the pages.
  server: {
    proxy: { "/graphql": { target: "http://127.0.0.1:4400", ws: true }, "/v1": "http://127.0.0.1:4400" },
  },
});
