import { InputError } from '../../errors.js';
import type { Engine } from '../../schema/engine.js';
import type { Note } from '../request.js';

const RELEASE = /^v?(\d+)\.(\d+)(?:\.(\d+))?(.*)$/;
const BUILD = /^b\d+$/;

/**
 * The engine version that a request means, and whether its rules are known.
 *
 * Tails (`0.5.0rc1`) are read as their release; other releases and builds get the known rules, with a note.
 *
 * @throws InputError `unknown-version` for what is no version
 */
export function readVersion(asked: string | undefined, engine: Engine): { version: string; notes: Note[] } {
  const known = engine.version;
  if (asked === undefined) return { version: known, notes: [] };
  const text = asked.trim();
  if (BUILD.test(text))
    return {
      version: asked,
      notes: [{ code: 'engine-version', args: { asked, known, engine: engine.name } }],
    };
  const match = RELEASE.exec(text);
  if (!match) throw new InputError('unknown-version', { version: asked, known, engine: engine.name });
  const release = `${match[1]}.${match[2]}.${match[3] ?? 0}`;
  const notes: Note[] = [];
  if (match[4]) notes.push({ code: 'version-tail', args: { asked, release } });
  if (release !== known)
    notes.push({ code: 'engine-version', args: { asked: release, known, engine: engine.name } });
  return { version: release, notes };
}
