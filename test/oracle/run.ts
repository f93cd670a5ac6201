// The oracle: llmspec against the real llama.cpp. An assertion of the engine ends its process, so that it has one of its own.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { currentFile } from './options.js';

const COMPARE = fileURLToPath(new URL('compare.ts', import.meta.url));

function main(): void {
  const folder = mkdtempSync(join(tmpdir(), 'llmspec-oracle-'));
  const args = [...process.execArgv, COMPARE, ...process.argv.slice(2), '--folder', folder];
  const { status, signal } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (signal)
    console.log(`FAILED  llama.cpp ended with ${signal} at\n${readFileSync(currentFile(folder), 'utf8')}`);
  process.exitCode = status ?? 1;
  rmSync(folder, { recursive: true });
}

main();
