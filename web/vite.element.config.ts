import { defineConfig } from 'vite';

/** The web component: one file of one name, beside the pages. */
export default defineConfig({
  publicDir: false,
  build: {
    target: 'es2022',
    outDir: 'dist',
    emptyOutDir: false,
    rolldownOptions: { input: 'src/element.ts', output: { entryFileNames: 'sluicegate-player.js' } },
  },
});
