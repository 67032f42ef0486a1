/** Layers, lowest first: a room imports any room of a lower layer, never sideways or up. */
const layers = [
  ['packages/tasks'],
  ['topology', 'packages/ledger', 'packages/threads'],
  ['packages/broker'],
  ['packages/intake', 'packages/dead-letters', 'packages/sources'],
  ['packages/language', 'packages/worker'],
  ['packages/cli', 'packages/local'],
  ['services'],
];
const pathOf = (rooms) => `^(${rooms.join('|')})/`;

/** A room may reach itself and every layer below its own; all other Warren rooms are forbidden to it. */
const layerRules = layers.flatMap((rooms, level) =>
  rooms.map((room) => ({
    name: `layer-${room.replace('packages/', '')}`,
    comment: `${room} stands on layer ${level}: it may import lower layers only, so that each room can be read without the ones above it.`,
    severity: 'error',
    from: { path: `^${room}/` },
    to: {
      path: pathOf(
        layers
          .slice(level)
          .flat()
          .filter((other) => other !== room || room === 'services'),
      ),
      ...(room === 'services' ? { pathNot: '^services/' } : {}),
    },
  })),
);

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'service-alone',
      comment: 'a service is a process of its own; what two share belongs in packages/.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'amqp-in-broker-only',
      comment: 'the traps of the AMQP client are handled in one room.',
      severity: 'error',
      from: { path: '^(packages|services|topology)/', pathNot: '^packages/broker/' },
      to: { path: 'node_modules/(amqplib|amqp-connection-manager)/' },
    },
    {
      name: 'database-in-ledger-only',
      comment: 'the ledger is the truth; nobody writes past its rules.',
      severity: 'error',
      from: { path: '^(packages|services|topology)/', pathNot: '^packages/ledger/' },
      to: { path: 'node_modules/(kysely|libsql|pg)/' },
    },
    {
      name: 'tasks-is-a-leaf',
      comment: 'contracts depend on zod alone.',
      severity: 'error',
      from: { path: '^packages/tasks/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^packages/tasks/|node_modules/zod/|^node:|^(crypto|util)$' },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle means two files are one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    enhancedResolveOptions: {
      conditionNames: ['warren-source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.json'],
    },
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
