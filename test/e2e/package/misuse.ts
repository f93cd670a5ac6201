import { createPlanner } from 'llmspec';

const planner = createPlanner();
const result = await planner.plan({ model: 'maverick' });

planner.plan({ modle: 'x' }); // must not compile
export const s: string = result.memory.totalBytes; // must not compile
