import { describe, expect, test } from 'vitest';
import { withDevices, withSequences, withSmallerCache } from '../../../src/core/solve/variations.js';
import { fitModel } from '../../../src/fit.js';
import { createPlanner, type Request } from '../../../src/index.js';
import { planOf } from '../../../src/planner.js';

const planner = createPlanner();
const request: Request = {
  model: 'llama-8b',
  quant: 'q4',
  devices: [{ memoryBytes: 24 * 1024 ** 3, count: 2 }],
};

describe('a question with one thing changed', () => {
  test.each([2, 'auto'])('asks for other sequences than the option parallel %s gives', async (parallel) => {
    const asked = await planner.ask({ ...request, options: { parallel } });
    const { request: echo } = planOf({ ...asked, question: withSequences(asked.question, 8) });
    expect(echo.sequences).toBe(8);
  });

  test('drops the shares of the cards it had', async () => {
    const asked = await planner.ask({ ...request, options: { 'tensor-split': '3,1' } });
    const one = asked.question.devices.map((device) => ({ ...device, count: 1 }));
    const { memory } = planOf({ ...asked, question: withDevices(asked.question, one) });
    expect(memory.devices.map(({ id }) => id)).toEqual(['gpu0', 'host']);
  });

  test.each([
    ['f16 becomes smaller', {}, 'q8_0'],
    ['a small cache stays', { kvTypeK: 'q8_0', kvTypeV: 'q8_0' }, undefined],
    ['without flash attention none is offered', { options: { 'flash-attn': 'off' } }, undefined],
    ['none where the engine turns flash attention off', { model: 'grok-1' }, undefined],
  ])('%s', async (_, more, type) => {
    const asked = await planner.ask({ ...request, ...more });
    expect(withSmallerCache(asked)?.request.kvTypeV).toBe(type);
  });
});

test.each([2, 'auto'])('fit answers where parallel is %s', async (parallel) => {
  const answer = await fitModel(planner, { ...request, options: { parallel } });
  expect(answer.asked.verdict.fits).toBe(true);
});
