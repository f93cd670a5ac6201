import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Options } from 'tsup';

/**
 * An esbuild plugin that writes the licence of every package that went into the bundles to `file`.
 * One plugin object serves several builds: each adds what it took.
 */
export function notices(file: string): NonNullable<Options['esbuildPlugins']>[number] {
  const folders = new Set<string>();
  return {
    name: 'notices',
    setup(build) {
      build.initialOptions.metafile = true;
      build.onEnd(({ metafile }) => {
        for (const input of Object.keys(metafile?.inputs ?? {})) {
          const folder = packageFolder(input);
          if (folder) folders.add(folder);
        }
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, [...folders].sort().map(notice).join('\n'));
      });
    },
  };
}

const packageFolder = (input: string) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(input)?.[0];

function notice(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const text = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!text) throw new Error(`${name} is bundled and has no licence file to pass on`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, text), 'utf8').trim()}\n\n${'-'.repeat(80)}\n`;
}
