import { existsSync } from 'node:fs';

/** Whether a name says "a path" by its form: it starts like one, or ends in `.json`, `.gguf` or `.safetensors`. */
export const looksLikePath = (name: string): boolean =>
  /^(\/|\.\.?\/|\.\.?$|[a-z]:[\\/])/i.test(name) || /\.(json|gguf|safetensors)$/i.test(name);

/** Whether anything is there under this name. */
export const pathExists = (name: string): boolean => existsSync(name);
