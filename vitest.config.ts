import { existsSync } from 'node:fs';
import { configDefaults, defineConfig } from 'vitest/config';

const setup = 'test/setup.ts';

export default defineConfig({
  test: {
    environment: 'node',
    // Modules are read once for all files of a worker, not once for each.
    isolate: false,
    include: ['test/**/*.test.ts'],
    // A property plans hundreds of deployments, each with graphs of its own.
    testTimeout: 30_000,
    exclude: [...configDefaults.exclude, 'test/oracle/**', 'test/browser/**'],
    globalSetup: existsSync(setup) ? [setup] : [],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text'] },
  },
});
