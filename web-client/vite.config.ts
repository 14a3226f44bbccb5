import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const local = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Where `vite dev` finds the server that answers /api, /instances, /dev and /ws. */
const server = process.env.PLAYHOUSE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  resolve: { alias: { '@gen/messages': local('./build/gen/messages.ts') } },
  define: { __BUILD__: JSON.stringify(process.env.PLAYHOUSE_BUILD ?? '') },
  build: {
    outDir: process.env.PLAYHOUSE_WEB_OUT ?? local('../build/web'),
    emptyOutDir: true,
    target: 'es2022',
    // The page is served with default-src 'self': nothing may become a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { '/api': server, '/instances': server, '/dev': server, '/ws': { target: server, ws: true } },
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
