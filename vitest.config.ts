import { existsSync } from 'node:fs';
import { configDefaults, defineConfig } from 'vitest/config';

const setup = 'test/setup.ts';

export default defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/oracle/**', 'test/browser/**'],
    globalSetup: existsSync(setup) ? [setup] : [],
    coverage: { provider: 'v8', include: ['src/**/*.ts'], reporter: ['text'] },
  },
});
