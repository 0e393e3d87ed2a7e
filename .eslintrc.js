/**
 * The folders of `src/`, and what is configured, lowest first: each imports only from those before it. `docs/architecture.md` draws them.
 */
const LAYERS = [
  ['util'],
  ['scaffolder', 'template'],
  ['decision', 'database'],
  ['record', 'workspace'],
  ['liveness', 'config.ts'],
  ['rescue', 'reporting'],
  ['api'],
];

/** What authors use knows neither the database nor what is built on it. */
const FOR_AUTHORS = ['catalog', 'check'];

const MODULE_FILES = ['createRecovery.ts', 'module.ts', 'watchStatements.ts'];

const above = LAYERS.flatMap((rooms, level) =>
  rooms.map(room => ({
    target: `./src/${room}`,
    from: [
      ...LAYERS.slice(level + 1).flat(),
      ...rooms.filter(other => other !== room),
      ...FOR_AUTHORS,
      ...MODULE_FILES,
    ].map(other => `./src/${other}`),
    message: 'Folders import downwards only, see docs/architecture.md.',
  })),
);

const database = LAYERS.findIndex(rooms => rooms.includes('database'));
const notForAuthors = LAYERS.slice(database)
  .flat()
  .filter(room => room !== 'decision');
const forAuthors = {
  target: FOR_AUTHORS.map(room => `./src/${room}`),
  from: [...notForAuthors, ...MODULE_FILES].map(other => `./src/${other}`),
  message: 'The command and the catalog module work without a backend.',
};

module.exports = require('@backstage/cli/config/eslint-factory')(__dirname, {
  overrides: [
    {
      files: ['src/**/*.ts'],
      excludedFiles: ['**/*.test.ts', 'src/__testUtils__/**'],
      settings: { 'import/resolver': { node: { extensions: ['.ts', '.js'] } } },
      rules: {
        'import/no-restricted-paths': [
          'error',
          { zones: [...above, forAuthors] },
        ],
      },
    },
  ],
});
