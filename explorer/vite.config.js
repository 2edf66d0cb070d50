import { fileURLToPath } from 'node:url';

import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Names without hashes: the API serves few files, each by its ETag, and the worker's name stands in the page's own policy.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  resolve: { alias: { '@counterfoil/verifier': fileURLToPath(new URL('../clients/verifier/index.mjs', import.meta.url)) } },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { app: 'index.html', worker: 'src/worker.ts' },
      output: { entryFileNames: '[name].js', chunkFileNames: '[name].js', assetFileNames: '[name][extname]' },
    },
  },
});
