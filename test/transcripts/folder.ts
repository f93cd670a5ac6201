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
  return folder;
}
