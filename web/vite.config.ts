import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  build: {
    // The built files are committed and embedded in the program: their names stay the same, and
    // nothing is inlined, so that the page runs under a strict content security policy.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    target: "es2022",
    rollupOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: (file) =>
          file.names.some((name) => name.endsWith(".css"))
            ? "assets/app.css"
            : "assets/[name][extname]",
      },
    },
  },
  server: {
    // `npm run dev` beside a running studio.
    proxy: { "/v1": "http://127.0.0.1:8765", "/openapi.json": "http://127.0.0.1:8765" },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
