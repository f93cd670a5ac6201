// Writes dist/cli-<node>-<platform>-<arch>.cache: the functions that `vram` runs, compiled by this Node for this machine.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const { scriptOf, start } = createRequire(import.meta.url)('../bin/compiled.js');
const program = fileURLToPath(new URL('../dist/cli.cjs', import.meta.url));
const file = `cli-${process.version}-${process.platform}-${process.arch}.cache`;

const ask = ['vram', 'maverick', '--quant', 'q4', '--ctx', '488k'];
const WARM_UP = [ask, [...ask, '--json'], [...ask, '--gpu', '8xh100']];

const [strange] = /[^\0-\x7f].{0,20}/.exec(fs.readFileSync(program, 'latin1')) ?? [];
assert.equal(strange, undefined, 'dist/cli.cjs is to be ASCII: write \\u escapes in regular expressions');
const script = scriptOf(program);
await withoutOutput(async () => {
  for (const words of WARM_UP) {
    process.argv = [process.execPath, program, ...words];
    assert.equal(await start(script, program).finished, 0, words.join(' '));
  }
});
fs.writeFileSync(new URL(`../dist/${file}`, import.meta.url), script.createCachedData());

async function withoutOutput(work) {
  const { writeSync } = fs;
  fs.writeSync = (_, bytes, from = 0) => bytes.length - from;
  await work();
  fs.writeSync = writeSync;
}
