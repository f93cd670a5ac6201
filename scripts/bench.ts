// How fast: plans a second over mixed requests, and the start-up of a whole command over an empty script.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerLine } from '../src/batch.js';
import { createPlanner, type Planner } from '../src/index.js';

const BIN = fileURLToPath(new URL('../bin/llmspec.js', import.meta.url));
const RUNS = 20;
const LINES = 100_000;

/** Requests over the whole catalogue: formats, contexts, cards and cache types in turn, the same every time. */
function mixedLines(planner: Planner): string[] {
  const quants = ['q4', 'Q8_0', 'Q6_K', 'BF16', 'IQ4_XS'];
  const devices = [
    [{ gpu: 'rtx-4090', count: 2 }],
    [],
    [{ gpu: null, count: 1 }],
    [{ gpu: 'h100', count: 8 }],
    [{ memoryBytes: 25769803776, count: 1 }],
  ];
  const kvTypes = ['f16', 'q8_0'];
  const { models } = planner.catalog;
  return Array.from({ length: LINES }, (_, index) => {
    const kvType = kvTypes[index % kvTypes.length];
    return JSON.stringify({
      id: index,
      model: models[index % models.length]!.id,
      quant: quants[index % quants.length],
      contextTokens: 1024 + 256 * (index % 100),
      sequences: 1 + (index % 4),
      kvTypeK: kvType,
      kvTypeV: kvType,
      devices: devices[Math.floor(index / 7) % devices.length],
    });
  });
}

async function plansPerSecond(): Promise<void> {
  const planner = createPlanner();
  const lines = mixedLines(planner);
  let characters = 0;
  for (const line of lines.slice(0, 2000)) await answerLine(line, planner);
  const start = performance.now();
  for (const line of lines) characters += JSON.stringify((await answerLine(line, planner)).document).length;
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `batch: ${Math.round(LINES / seconds)} plans a second (${LINES} mixed lines, ${characters} characters out)`,
  );
}

function milliseconds(args: readonly string[]): number {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const start = performance.now();
  spawnSync(process.execPath, [...args], { env, stdio: 'ignore' });
  return performance.now() - start;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

function startUp(): void {
  const empty = join(mkdtempSync(join(tmpdir(), 'llmspec-bench-')), 'empty.mjs');
  writeFileSync(empty, '');
  const ask = [BIN, 'vram', 'maverick', '--quant', 'q4', '--ctx', '488k'];
  const cases = { empty: [empty], json: [...ask, '--json'], table: ask };
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, [] as number[]]));
  for (let run = 0; run < RUNS; run++)
    for (const [name, args] of Object.entries(cases)) times[name]!.push(milliseconds(args));
  const base = median(times.empty!);
  for (const name of ['json', 'table']) {
    console.log(
      `start-up, ${name}: ${(median(times[name]!) - base).toFixed(1)} ms over an empty script (${base.toFixed(1)} ms), median of ${RUNS}`,
    );
  }
}

await plansPerSecond();
startUp();
