import { spawnSync } from 'node:child_process';

// `npm install --omit=dev` runs this too, where there is nothing to build with: a word, and no failure.
try {
  import.meta.resolve('tsup');
} catch {
  console.error('llmspec: development dependencies are left out, nothing was built');
  process.exit(0);
}
process.exitCode = spawnSync('npm run build', { stdio: 'inherit', shell: true }).status ?? 1;
