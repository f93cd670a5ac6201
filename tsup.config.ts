import { defineConfig, type Options } from 'tsup';
import { notices } from './scripts/notices.js';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

/**
 * Modules of Node that bundled packages load and never need: commander's `child_process` is for subcommands that are
 * programs of their own, chalk's `tty` and `os` are to guess at colours, which it is told here.
 */
const unusedBuiltins: Plugin = {
  name: 'unused-builtins',
  setup(build) {
    const unused: [string, RegExp][] = [
      ['node:child_process', /[\\/]commander[\\/]/],
      ['node:tty', /[\\/]chalk[\\/]/],
      // cli-table3 paints with it where one lets it; here chalk does.
      ['@colors/colors/safe', /[\\/]cli-table3[\\/]/],
    ];
    build.onResolve({ filter: /^(?:node:|@colors)/ }, ({ path, importer }) =>
      unused.some(([name, user]) => path === name && user.test(importer))
        ? { path, namespace: 'left-out' }
        : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: 'module.exports = { isatty: () => false };',
    }));
  },
};

const noticesPlugin = notices('dist/THIRD-PARTY-NOTICES.txt');

const common: Options = {
  target: 'node20',
  platform: 'node',
  outDir: 'dist',
  silent: true,
  // tsup turns `node:fs` into `fs` unless told not to.
  removeNodeProtocol: false,
};

export default defineConfig([
  {
    ...common,
    entry: { cli: 'src/cli.ts' },
    // One file, so that one code cache serves it; what is imported late is run late.
    format: 'cjs',
    shims: true,
    // Compiled code that was kept cannot `import()`: it becomes `require`.
    esbuildOptions: (options) => {
      options.supported = { ...options.supported, 'dynamic-import': false };
    },
    esbuildPlugins: [unusedBuiltins, noticesPlugin],
    // Fewer characters compile faster; a start costs milliseconds.
    minify: true,
  },
  {
    ...common,
    entry: { index: 'src/index.ts', core: 'src/core/index.ts' },
    format: 'esm',
    splitting: true,
    esbuildPlugins: [noticesPlugin],
    dts: true,
  },
]);
