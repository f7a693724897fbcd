// The examples of the README for pages of others, as they stand there: taken out, told which stream, and built by Vite where that is needed.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const web = fileURLToPath(new URL('../../web/', import.meta.url));
const library = createRequire(join(web, 'package.json'));
const load = async (name) => import(pathToFileURL(library.resolve(name)));

/** How each is known in the README, and what a page needs around it. */
const EXAMPLES = {
  html: { from: '<script type="module" src="http://HOST:8080/sluicegate-player.js">' },
  react: {
    from: "import { useEffect } from 'react';",
    file: 'Live.jsx',
    main: (src) => `import { createElement } from 'react'; import { createRoot } from 'react-dom/client'; import { Live } from './Live.jsx';
      createRoot(document.getElementById('app')).render(createElement(Live, { src: '${src}' }));`,
  },
  vue: {
    from: '<script setup>',
    file: 'Live.vue',
    main: (src) => `import { createApp } from 'vue'; import Live from './Live.vue'; createApp(Live, { src: '${src}' }).mount('#app');`,
  },
};

/** Pages that show a stream of the gateway at `origin`, by name: an HTML document each, and a script where there is one. */
export async function examples(origin, stream) {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const src = `${origin}/${stream}`;
  const made = {};
  for (const [name, { from, file, main }] of Object.entries(EXAMPLES)) {
    const code = blockOf(readme, from).replaceAll('http://HOST:8080/live/NAME', src).replaceAll('http://HOST:8080', origin);
    made[name] = file === undefined
      ? { html: `<!doctype html><title>${name}</title>${code}` }
      : { html: `<!doctype html><title>${name}</title><div id="app"></div><script type="module" src="/${name}.js"></script>`, script: await built(file, code, main(src)) };
  }
  return made;
}

/** The indented block of the README that begins with that line. */
function blockOf(readme, from) {
  const lines = readme.split('\n');
  const first = lines.findIndex((line) => line.startsWith(`    ${from}`));
  if (first === -1) throw new Error(`the README has no example that begins with ${from}`);
  const after = lines.slice(first);
  const end = after.findIndex((line) => line !== '' && !line.startsWith('    '));
  return after.slice(0, end).map((line) => line.slice(4)).join('\n').trim();
}

/** A script of one file, from a component and the module that shows it. */
async function built(file, component, main) {
  const [{ build }, { default: vue }] = [await load('vite'), await load('@vitejs/plugin-vue')];
  const files = { 'main.js': main, [file]: component };
  const path = (name) => join(web, `example-${name}`);
  const { output } = await build({
    root: web,
    configFile: false,
    logLevel: 'error',
    // The two lines that the README tells users of Vue to have.
    plugins: [held(files, path), vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === 'sluicegate-player' } } })],
    build: { write: false, minify: false, copyPublicDir: false, rolldownOptions: { input: path('main.js') } },
  });
  return output.find(({ isEntry }) => isEntry).code;
}

/** Files that are nowhere but here. */
function held(files, path) {
  const names = new Map(Object.keys(files).map((name) => [path(name), name]));
  return {
    name: 'held',
    enforce: 'pre',
    resolveId: (id) => (names.has(id) ? id : id.startsWith('./') && id.slice(2) in files ? path(id.slice(2)) : null),
    load: (id) => (names.has(id) ? files[names.get(id)] : null),
  };
}
