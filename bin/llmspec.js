#!/usr/bin/env node
// Node 22 and later keep compiled code between runs. An import of `node:module` would cost start-up time.
process.getBuiltinModule('node:module').enableCompileCache?.();

try {
  await import('../dist/cli.js');
} catch (error) {
  const notBuilt = error?.code === 'ERR_MODULE_NOT_FOUND' && error.url?.endsWith('/dist/cli.js');
  console.error(notBuilt ? 'llmspec is not built: run `npm run build` in its folder first.' : error);
  process.exitCode = 4;
}
