import { defineConfig, type Options } from 'tsup';
import { notices } from './scripts/notices.js';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/**
 * Node's modules without their ESM face: making one reads every export, those that open streams too, which costs
 * milliseconds at every start. commander needs `child_process` only for subcommands that are programs of their own, and
 * chalk `tty` only to guess at colours, which it is told here.
 */
const builtinsWithoutFace: Plugin = {
  name: 'builtins-without-face',
  setup(build) {
    build.onResolve({ filter: /^node:/ }, ({ path, importer, kind }) => {
      if (kind === 'dynamic-import') return { path, external: true };
      const unused =
        (path === 'node:child_process' && /[\\/]commander[\\/]/.test(importer)) ||
        (path === 'node:tty' && /[\\/]chalk[\\/]/.test(importer));
      return { path, namespace: unused ? 'left-out' : 'builtin' };
    });
    build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: 'module.exports = { isatty: () => false };',
    }));
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
    esbuildPlugins: [builtinsWithoutFace, noticesPlugin],
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
