import stringify from 'json-stringify-pretty-compact';
import type { Model, ModelFile } from '../schema/model.js';
import { noteWords } from './messages.js';

const COLUMNS = 120;

/**
 * A model as the text of a spec file, with what was assumed on the way in the note of its source. Which weights a file
 * holds is no part of a spec, and its id is the name that the file gets.
 *
 * @example specText(await planner.model('./config.json')) // '{\n  "name": "mine",\n …'
 */
export const specText = (model: Model): string => `${stringify(fileOf(model), { maxLength: COLUMNS })}\n`;

function fileOf({
  id: _id,
  held: _held,
  checkpoint: _checkpoint,
  ownFormat: _ownFormat,
  importNotes = [],
  ...file
}: Model): ModelFile {
  if (importNotes.length === 0) return file;
  const [first, ...others] = file.sources;
  const assumed = importNotes.map(({ code, args }) => noteWords(code, args));
  return {
    ...file,
    sources: [{ ...first!, note: [first?.note ?? [], assumed].flat().join(' ') }, ...others],
  };
}
