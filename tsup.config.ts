import { defineConfig, type Options } from 'tsup';
import { notices } from './scripts/notices.js';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/** commander needs it only for subcommands that are programs of their own; loading it takes milliseconds. */
const commanderWithoutChildProcess: Plugin = {
  name: 'commander-without-child-process',
  setup(build) {
    build.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /[\\/]commander[\\/]/.test(importer) ? { path: 'child_process', namespace: 'left-out' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = {};' }));
  },
};

const noticesPlugin = notices('dist/THIRD-PARTY-NOTICES.txt');

const common: Options = {
  format: 'esm',
  target: 'node20',
  platform: 'node',
  outDir: 'dist',
  splitting: true,
  silent: true,
  // tsup turns `node:fs` into `fs` unless told not to.
  removeNodeProtocol: false,
};

// Two graphs: the banner of one would bind the pure core of the other to Node.
export default defineConfig([
  {
    ...common,
    entry: { cli: 'src/cli.ts' },
    esbuildPlugins: [commanderWithoutChildProcess, noticesPlugin],
    // Fewer characters compile faster; a start costs milliseconds.
    minify: true,
    // commander and cli-table3 are CommonJS and call `require`, for Node's own modules only.
    banner: { js: 'const require = process.getBuiltinModule;' },
  },
  {
    ...common,
    entry: { index: 'src/index.ts', core: 'src/core/index.ts' },
    esbuildPlugins: [noticesPlugin],
    dts: true,
  },
]);
