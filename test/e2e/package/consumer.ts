import { createPlanner } from 'llmspec';

const planner = createPlanner();
const result = await planner.plan({ model: 'maverick', quant: 'q4', contextTokens: '488k' });
const totalBytes: number = result.memory.totalBytes;

console.log(totalBytes);
