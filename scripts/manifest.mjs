// The packed package.json has no `prepare` (npm would list it in a warning), no other scripts and no
// development dependencies. `strip` runs before packing, `restore` after it.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const manifest = new URL('../package.json', import.meta.url);
const full = new URL('../.package.json.full', import.meta.url);

function strip() {
  const before = readFileSync(manifest, 'utf8');
  const { scripts, devDependencies, overrides, allowScripts, ...packed } = JSON.parse(before);
  writeFileSync(full, before);
  writeFileSync(manifest, `${JSON.stringify(packed, null, 2)}\n`);
}

function restore() {
  if (!existsSync(full)) return;
  writeFileSync(manifest, readFileSync(full));
  rmSync(full);
}

/** npm runs no `postpack` when packing fails or is interrupted: this waits for it, then does its work. */
async function watch() {
  for (let waited = 0; waited < 15_000 && existsSync(full); waited += 250) {
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  restore();
}

switch (process.argv[2]) {
  case 'strip':
    restore();
    strip();
    spawn(process.execPath, [fileURLToPath(import.meta.url), 'watch'], {
      detached: true,
      stdio: 'ignore',
    }).unref();
    break;
  case 'restore':
    restore();
    break;
  case 'watch':
    await watch();
    break;
  default:
    throw new Error('usage: node scripts/manifest.mjs strip|restore|watch');
}
