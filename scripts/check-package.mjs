// Packs the package, installs it into an empty folder, and uses it there as a stranger would.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeBinary } from './node-binary.mjs';

const SUPPORTED_NODES = [20, 22, 24];
const COMMANDS = [['--version'], ['vram', 'maverick', '--quant', 'q4', '--ctx', '488k', '--json']];

const folder = mkdtempSync(join(tmpdir(), 'llmspec-package-'));
const installed = join(folder, 'node_modules', 'llmspec');

try {
  packAndInstall();
  checkManifest();
  const nodes = SUPPORTED_NODES.map((major) => ({ major, binary: nodeBinary(major) }));
  for (const args of COMMANDS) checkCommand(nodes, args);
  checkTypes();
  checkConsumer(nodes);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function packAndInstall() {
  npm(process.cwd(), 'pack', '--silent', '--pack-destination', folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  npm(process.cwd(), 'run', '--silent', 'attw', '--', join(folder, tarball));
  say('its types resolve for every way to import it');
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  npm(folder, 'install', '--no-audit', '--no-fund', `./${tarball}`);
}

function checkManifest() {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  assert.equal(manifest.scripts?.prepare, undefined, 'the packed manifest has no `prepare`');
  assert.equal(manifest.devDependencies, undefined, 'the packed manifest has no devDependencies');
  assert.ok(JSON.parse(readFileSync('package.json', 'utf8')).scripts.prepare, 'package.json is as it was');
  say('the packed manifest has no prepare script and no development dependencies');
}

function checkCommand(nodes, args) {
  const answers = nodes.map(({ major, binary }) => {
    const run = spawnSync(binary, [join(installed, 'bin', 'llmspec.js'), ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, `llmspec ${args.join(' ')} on Node ${major}:\n${run.stderr}`);
    assert.notEqual(run.stdout, '');
    return run.stdout;
  });
  for (const answer of answers) assert.equal(answer, answers[0], `llmspec ${args.join(' ')} differs by Node`);
  const linked = execFileSync(join(folder, 'node_modules', '.bin', 'llmspec'), args, { encoding: 'utf8' });
  assert.equal(linked, answers[0], 'the linked command answers the same');
  say(
    `llmspec ${args.join(' ')}: the same ${Buffer.byteLength(linked)} bytes on Node ${SUPPORTED_NODES.join(', ')}`,
  );
}

/** The consumer compiles against the installed types; of the misuse, each marked line fails and no other. */
function checkTypes() {
  cpSync('test/e2e/package', folder, { recursive: true });
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const errors = stdout.split('\n').filter((line) => /error TS/.test(line));
  const places = errors.map((error) => error.replace(/^(.+)\((\d+),.*$/, '$1:$2'));
  assert.deepEqual([...new Set(places)].sort(), markedLines('misuse.ts'), stdout);
  say(`consumer.ts compiles, ${errors.length} misuses do not`);
}

function markedLines(file) {
  const lines = readFileSync(join(folder, file), 'utf8').split('\n');
  return lines.flatMap((line, index) =>
    line.includes('// must not compile') ? [`${file}:${index + 1}`] : [],
  );
}

function checkConsumer(nodes) {
  for (const { major, binary } of nodes) {
    const printed = execFileSync(binary, [join(folder, 'out', 'consumer.js')], { encoding: 'utf8' });
    assert.match(printed, /^\d+\n$/, `consumer.ts on Node ${major}`);
  }
  say(`consumer.ts runs on Node ${SUPPORTED_NODES.join(', ')}`);
}

function npm(cwd, ...args) {
  execFileSync('npm', args, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
}

function say(line) {
  console.log(`ok: ${line}`);
}
