import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openCatalog } from '../../src/catalog/index.js';
import { checkpointNotes } from '../../src/checkpoint-notes.js';
import { load } from '../../src/core/engines/llama-cpp/load.js';
import type { InputError } from '../../src/errors.js';
import { FILES, filesOfKind } from './files.js';
import { countOf, RULES } from './rules.js';

test.each(Object.entries(RULES))('%s', (_, rule) => {
  expect(rule()).toEqual([]);
});

const catalog = openCatalog();

describe('the index (run `npm run build` where these fail)', () => {
  test('was made from these files', () => {
    const hash = createHash('sha256');
    for (const { path, text } of FILES) hash.update(`${path}\n${text}`);
    expect(catalog.data).toBe(hash.digest('hex').slice(0, 12));
  });

  test('was made for this version', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(catalog.version).toBe(version);
  });

  test('has every file', () => {
    const files = new Set(
      [...catalog.models, ...catalog.gpus, ...catalog.quants, ...catalog.engines, ...catalog.priceLists].map(
        ({ file }) => file,
      ),
    );
    expect(FILES.map(({ path }) => path).filter((path) => !files.has(path))).toEqual([]);
  });

  test('counts parameters as the core does', () => {
    const counted = filesOfKind('models').map((file) => {
      const { total, active } = countOf(file);
      return [file.id, total, active];
    });
    expect(
      catalog.models.map(({ id, totalParameters, activeParameters }) => [
        id,
        totalParameters,
        activeParameters,
      ]),
    ).toEqual(counted);
  });
});

test.each([
  ['llama-4-maverick', 17_184_691_200],
  ['llama-4-scout', 17_172_894_720],
  ['gpt-oss-120b', 5_711_982_912],
  ['glm-4.5-air', 13_424_123_904],
  ['minimax-m2', 11_030_537_216],
])('%s has %i active parameters', (id, active) => {
  expect(catalog.findModel(id)?.activeParameters).toBe(active);
});

const llamaCpp = catalog.engine(catalog.findEngine('llama.cpp')!);

test('llama.cpp is planned for every model of the architectures that it lists', () => {
  const refused = catalog.models.flatMap((entry) => {
    const model = catalog.model(entry);
    const name = llamaCpp.architectures[model.architecture.type];
    try {
      if (name) load(model, name);
      return [];
    } catch (error) {
      return [`${entry.id}: ${(error as InputError).args.field}`];
    }
  });
  expect(refused).toEqual([]);
});

const INDEX = new URL('../../../shared/models/index.json', import.meta.url);

interface Computed {
  readonly hf_id: string;
  readonly computed_params?: number;
  /** Elements that the checkpoint holds; with a note they are something else. */
  readonly total_params?: number;
  readonly total_params_note?: string;
  readonly max_context?: number;
}

const computed: Computed[] = existsSync(INDEX) ? JSON.parse(readFileSync(INDEX, 'utf8')) : [];

describe.skipIf(computed.length === 0)(
  'the configs of the makers (skipped where ../shared is absent)',
  () => {
    const known = computed.flatMap((row) => {
      const entry = catalog.findModel(row.hf_id);
      return entry ? [{ ...row, entry }] : [];
    });

    test('are there for most of the catalogue', () => {
      const ids = new Set(
        known.filter(({ computed_params }) => computed_params).map(({ entry }) => entry.id),
      );
      expect(ids.size).toBeGreaterThanOrEqual(20);
    });

    test('give the same number of parameters', () => {
      const wrong = known.filter(
        ({ computed_params, entry }) =>
          computed_params !== undefined && computed_params !== entry.totalParameters,
      );
      expect(
        wrong.map(({ hf_id, computed_params, entry }) => [hf_id, computed_params, entry.totalParameters]),
      ).toEqual([
        // Computed with the six full layers of the class; the checkpoint has seven and 26 × 256 corrections more.
        ['moonshotai/Kimi-Linear-48B-A3B-Instruct', 49_133_074_464, 49_122_681_728 - 26 * 256],
      ]);
    });

    test('are of checkpoints with as many elements', () => {
      const wrong = known.flatMap(({ hf_id, total_params: stored, total_params_note: note, entry }) => {
        if (!stored || note) return [];
        const checkpoint = { files: 1, tensors: 1, bytes: 2 * stored, elements: { BF16: stored } };
        const notes = checkpointNotes({ ...catalog.model(entry, hf_id), checkpoint });
        return notes.some(({ code }) => code === 'checkpoint-differs') ? [hf_id] : [];
      });
      expect(wrong).toEqual([
        // Limits of clipped layers in its towers, which no config says.
        'google/gemma-4-E2B-it',
        'google/gemma-4-E4B-it',
        // A module for further tokens, which its config does not say.
        'meituan-longcat/LongCat-Flash-Chat',
      ]);
    });

    test('give the same native context', () => {
      const wrong = known.flatMap(({ hf_id, max_context, entry }) => {
        const { native } = catalog.model(entry, hf_id).context;
        return typeof max_context === 'number' && max_context !== native
          ? [[hf_id, max_context, native]]
          : [];
      });
      expect(wrong).toEqual([]);
    });
  },
);
