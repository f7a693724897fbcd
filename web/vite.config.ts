import { defineConfig } from 'vitest/config';

export default defineConfig({
  base: '/',
  build: {
    target: 'es2022',
    outDir: 'dist',
    assetsDir: 'assets',
    // Data URIs would need a wider content security policy.
    assetsInlineLimit: 0,
    // The libraries' licences travel with the files that are handed out.
    license: { fileName: 'assets/licenses.md' },
    modulePreload: { polyfill: false },
    // Player libraries are large; each is loaded only when its protocol is chosen.
    chunkSizeWarningLimit: 1000,
    rolldownOptions: { input: { index: 'index.html', watch: 'watch.html', embed: 'embed.html' } },
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
