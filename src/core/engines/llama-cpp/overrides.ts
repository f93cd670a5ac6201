import { InputError } from '../../../errors.js';

/** Tensors whose name a pattern finds lie on a device of its own. */
export interface Override {
  readonly pattern: RegExp;
  /** Number of a card, or `host`. */
  readonly device: number | 'host';
}

/** Names of buffers as the engine has them: `ggml_backend_buft_name`. */
const BUFFER = /^(?:CPU|(?:CUDA|ROCm|Vulkan|SYCL|Metal|MTL|GPU)(\d*))$/i;

const EXPECTED = 'pattern=buffer, such as exps=CPU or blk\\.[0-9]\\.ffn=CUDA0; several with commas between';

/**
 * Reads patterns with their buffers: `common/arg.cpp:parse_tensor_buffer_overrides`.
 *
 * @throws InputError `bad-number` where a pair is no pattern with a buffer
 * @example readOverrides('exps=CPU') // [{ pattern: /exps/, device: 'host' }]
 */
export function readOverrides(text: string): Override[] {
  const wrong = () =>
    new InputError('bad-number', { what: 'option override-tensor', text, expected: EXPECTED });
  return text.split(',').map((pair) => {
    const [source, buffer = ''] = pair.split('=', 2);
    const named = BUFFER.exec(buffer);
    if (!source || !named) throw wrong();
    try {
      return { pattern: new RegExp(source), device: named[1] === undefined ? 'host' : Number(named[1]) };
    } catch {
      throw wrong();
    }
  });
}

/**
 * The device that the first matching pattern gives a tensor: `src/llama-model-loader.cpp:create_tensor`.
 *
 * @returns `undefined` where none matches
 */
export const overridden = (overrides: readonly Override[], name: string): Override['device'] | undefined =>
  overrides.find(({ pattern }) => pattern.test(name))?.device;
