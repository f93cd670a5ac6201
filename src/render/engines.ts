import type { Option } from '../core/engines/llama-cpp/options.js';
import type { Engine } from '../schema/engine.js';
import type { Document, Table } from './document.js';

/** The engines in a list. */
export function enginesPage(engines: readonly Engine[]): Document {
  const table: Table = {
    columns: [
      { id: 'engine', name: 'Engine', kind: 'text' },
      { id: 'version', name: 'Rules of', kind: 'text' },
      { id: 'about', name: 'What it is', kind: 'text' },
    ],
    rows: engines.map(({ name, version, about }) => [name, version, about]),
  };
  return {
    headline: `${engines.length} engine${engines.length === 1 ? '' : 's'}`,
    blocks: [table],
    csv: table,
  };
}

/** What one engine takes. */
export function enginePage(engine: Engine, options: Readonly<Record<string, Option>>): Document {
  const settings: Table = {
    title: 'Settings (--set name=value)',
    columns: [
      { id: 'setting', name: 'Setting', kind: 'text' },
      { id: 'takes', name: 'Takes', kind: 'text' },
      { id: 'standard', name: 'Standard', kind: 'text' },
      { id: 'help', name: 'What it does', kind: 'text' },
    ],
    rows: Object.entries(options).map(([name, { kind, standard, help }]) => [
      name,
      takes(kind),
      standard,
      help,
    ]),
  };
  const shorts = Object.entries(engine.quants.short).map(([name, format]) => `${name} ${format}`);
  return {
    headline: `${engine.name} ${engine.version}: ${engine.about}`,
    blocks: [
      settings,
      {
        title: 'Weight formats',
        lines: [`Default ${engine.quants.default}. Short names: ${shorts.join(', ')}.`],
      },
      { title: 'Cache types', lines: [engine.kvTypes.join(', ')] },
      { title: 'Architectures', lines: [Object.keys(engine.architectures).join(', ')] },
      { title: 'Names', lines: [[engine.name, ...(engine.aliases ?? [])].join(', ')] },
      {
        title: 'Sources',
        lines: engine.sources.map(({ facts, from, date }) => `- ${facts.join(', ')}: ${from}, ${date}`),
      },
    ],
    csv: settings,
  };
}

function takes(kind: Option['kind']): string {
  switch (kind.takes) {
    case 'switch':
      return 'a switch';
    case 'word':
      return kind.words.join(', ');
    case 'shares':
      return 'shares';
    case 'overrides':
      return 'pattern=buffer';
    case 'number':
      return ['a number', ...(kind.words ?? [])].join(', ');
  }
}
