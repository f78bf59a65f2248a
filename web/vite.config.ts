import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Where the API is while developing; in production the app comes from the same address.
const api = process.env.WATTEX_URL ?? "http://127.0.0.1:8080";
const proxy = { "/v1": api, "/rpc": api, "/docs": api };

export default defineConfig({
  plugins: [react()],
  // Documents of the repository are pages of the app.
  server: { proxy, fs: { allow: [".."] } },
  preview: { proxy },
  build: { sourcemap: false, assetsInlineLimit: 0 },
});
