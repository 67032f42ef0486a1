/** Two projects: `unit` (pure functions beside their source) and `integration` (real broker, database and processes). */
const shared = {
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['warren-source', 'node', 'node-addons'] },
};

export default {
  // A bound for a test that hangs, not a measure: a broker needs seconds to start on a busy machine.
  testTimeout: 60_000,
  // Tests wait for brokers and processes more than they compute.
  maxWorkers: 2,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{packages,services}/*/src/**/*.test.ts', '<rootDir>/{topology,bench}/src/**/*.test.ts'],
    },
    { ...shared, displayName: 'integration', testMatch: ['<rootDir>/tests/**/*.test.ts'] },
  ],
};
