#!/usr/bin/env node
// CommonJS, as the program is: Node starts it milliseconds sooner than a module.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const program = join(__dirname, '../dist/cli.cjs');
const codeCache = join(__dirname, `../dist/cli-${process.version}-${process.platform}-${process.arch}.cache`);

if (!existsSync(program)) {
  console.error('llmspec is not built: run `npm run build` in its folder first.');
  process.exitCode = 4;
} else if (existsSync(codeCache)) {
  require('./compiled.js').run(program, codeCache);
} else {
  // Node 22 and later keep compiled code between runs.
  require('node:module').enableCompileCache?.();
  require(program);
}
