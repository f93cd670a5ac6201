import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SPEC = {
  name: 'Tiny',
  context: { native: 4096 },
  architecture: {
    type: 'llama',
    hiddenSize: 256,
    vocabSize: 1000,
    norm: { epsilon: 0.00001 },
    blocks: {
      attention: { kind: 'full', heads: 4, kvHeads: 2, headDim: 64 },
      dense: { kind: 'dense', intermediateSize: 512 },
    },
    layers: [{ repeat: 2, pattern: [['attention', 'dense']] }],
  },
  sources: [{ facts: ['architecture', 'context'], from: 'made for the tests', date: '2026-11-25' }],
};

/** Fills a folder with the files that the transcripts name, good and bad; gives the folder back. */
export function prepareFolder(folder: string): string {
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  write('tiny.json', JSON.stringify(SPEC, null, 2));
  write(
    'unknown-key.json',
    JSON.stringify({ ...SPEC, colour: 'green', context: { native: 4096, maximum: 5 } }),
  );
  write('truncated.json', '{ "name": "Tiny", "context": ');
  write('empty.json', '');
  write(
    'config.json',
    JSON.stringify({ architectures: ['MambaForCausalLM'], model_type: 'mamba', hidden_size: 768 }),
  );
  write('model.gguf', `GGUF${'\0'.repeat(20)}`);
  write(
    'strange.json',
    JSON.stringify({ ...SPEC, architecture: { ...SPEC.architecture, type: 'no-such-type' } }),
  );
  mkdirSync(join(folder, 'a-folder'));
  const garbage = openSync(join(folder, 'garbage.json'), 'w');
  ftruncateSync(garbage, 200 * 1024 ** 2);
  closeSync(garbage);
  write(
    'requests.jsonl',
    [
      '{"id":1,"model":"llama-3.1-8b","quant":"q4","devices":[{"gpu":"rtx-4090","count":1}]}',
      'this is no JSON',
      '{"id":"two","model":"no-such-model"}',
      '{"id":3,"model":"llama-3.1-8b","contextToken":1024}',
      '[1, 2]',
      '{"id":5,"model":"llama-3.1-8b","contextTokens":-1}',
      '{"id":6,"model":"tiny.json","quant":"F16","contextTokens":"1k"}',
    ].join('\n'),
  );
  prepareChecks(write);
  return folder;
}

/** Files of checks: good, over their limits, and wrong in several ways. */
function prepareChecks(write: (name: string, text: string) => void): void {
  const good = 'rows:\n  - name: tiny\n    model: ./tiny.json\n    quant: F16\n    devices: 2GiB\n';
  write('good.yaml', good);
  write('grown.yaml', good.replace('devices', 'context: 1k\n    sequences: 64\n    devices'));
  write(
    'checks.yaml',
    `${good}  - name: chat
    model: qwen3-30b
    quant: [q4, q8]
    context: 128k
    devices: rtx-4090
    limits: { parts: { kvCache: 8GiB } }
  - name: typo
    model: qwen3-30bb
`,
  );
  write('empty.yaml', '');
  write(
    'faults.yaml',
    `${good}  - name: faulty
    modl: maverick
    context: 1,000
    limits:
      totl: 5GiB
      total: 5
      parts: { kvcache: 1GiB }
`,
  );
  write('file-faults.yaml', 'rows: 5\nbaselin: x.json\ndefaults:\n  quantt: q4\n  context: soon\n');
  write('syntax.yaml', 'rows:\n  - name: a\n    name: b\n   model: c\n');
  const many = Array.from({ length: 50 }, (_, index) => index + 1).join(', ');
  write('explodes.yaml', `rows:\n  - { model: maverick, context: [${many}], sequences: [${many}] }\n`);
}
