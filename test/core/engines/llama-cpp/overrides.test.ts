import { describe, expect, test } from 'vitest';
import { overridden, readOverrides } from '../../../../src/core/engines/llama-cpp/overrides.js';
import { createPlanner, type Request } from '../../../../src/index.js';
import { refusal } from '../../../refusal.js';

describe('patterns for tensors', () => {
  test('are read with their buffers', () => {
    expect(readOverrides('exps=CPU,blk\\.[01]\\.ffn=CUDA1')).toEqual([
      { pattern: /exps/, device: 'host' },
      { pattern: /blk\.[01]\.ffn/, device: 1 },
    ]);
  });

  test.each(['exps', '=CPU', 'exps=DISK', '(=CPU', 'exps=CPU,'])('%s is refused', (text) => {
    expect(() => readOverrides(text)).toThrow(refusal('bad-number', { text }));
  });

  test('the first that matches decides', () => {
    const overrides = readOverrides('blk\\.3\\.=CUDA0,exps=CPU');
    expect(overridden(overrides, 'blk.3.ffn_up_exps.weight')).toBe(0);
    expect(overridden(overrides, 'blk.4.ffn_up_exps.weight')).toBe('host');
    expect(overridden(overrides, 'blk.4.attn_q.weight')).toBeUndefined();
  });
});

const planner = createPlanner();
const EXPERTS = '\\.ffn_(up|down|gate|gate_up)_(ch|)exps';
const memory = async (request: Request) => (await planner.plan(request)).memory;

describe('a plan with patterns', () => {
  const devices = [{ gpu: 'rtx-4090', count: 2 }];
  const request: Request = { model: 'qwen3-30b', quant: 'q4', devices };

  test('for all experts is what cpu-moe plans', async () => {
    const byPattern = await memory({ ...request, options: { 'override-tensor': `${EXPERTS}=CPU` } });
    expect(byPattern).toEqual(await memory({ ...request, options: { 'cpu-moe': true } }));
  });

  test('for the experts of some layers is what n-cpu-moe plans', async () => {
    const pattern = `blk\\.([0-9]|1[0-9])${EXPERTS}=CPU`;
    const byPattern = await memory({ ...request, options: { 'override-tensor': pattern } });
    expect(byPattern).toEqual(await memory({ ...request, options: { 'n-cpu-moe': 20 } }));
  });

  test('moves what it names to another card, and keeps the sum', async () => {
    const moved = await memory({ ...request, options: { 'override-tensor': 'blk\\.0\\.ffn=CUDA1' } });
    const usual = await memory(request);
    const weights = ({ devices: all }: typeof moved) => all.map(({ parts }) => parts.weights ?? 0);
    const [first, second, host] = weights(moved);
    const [before, after, hostBefore] = weights(usual);
    expect(first).toBeLessThan(before!);
    expect(first! + second!).toBe(before! + after!);
    expect(host).toBe(hostBefore);
  });

  test('refuses a card that is not there', async () => {
    const asked = planner.plan({ ...request, options: { 'override-tensor': 'exps=CUDA2' } });
    await expect(asked).rejects.toMatchObject({ code: 'contradiction' });
  });
});

describe('what stays on the host', () => {
  const request: Request = { model: 'llama-8b', quant: 'q4', devices: [{ gpu: 'rtx-4090', count: 1 }] };

  test('is the cache with no-kv-offload', async () => {
    const { devices } = await memory({ ...request, options: { 'no-kv-offload': true } });
    expect(devices.map(({ parts }) => parts.kvCache)).toEqual([0, 1024 ** 3]);
  });

  test('is computed there with no-op-offload: no copies of experts on the card', async () => {
    const experts: Request = { ...request, model: 'qwen3-30b' };
    const offloaded = await memory({ ...experts, options: { 'cpu-moe': true } });
    const kept = await memory({ ...experts, options: { 'cpu-moe': true, 'no-op-offload': true } });
    expect(kept.devices[0]!.parts.compute).toBeLessThan(offloaded.devices[0]!.parts.compute! / 2);
  });
});
