// The linter proves the shape of the house: which way imports point, that they make no cycle, that
// the domain is pure, that no promise floats and that nothing writes to the console.
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript'
import importX from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

const aliases = ['events', 'domain', 'projections', 'sandbox', 'runtime', 'test']

/** Forbids the named aliases, and any relative path that climbs out of its own top folder. */
const onlyImports = (allowed, extra = []) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: [
        {
          group: aliases.filter((alias) => !allowed.includes(alias)).map((alias) => `#${alias}/*`),
          message:
            'Imports point one way: events <- domain <- apps, events <- projections <- apps.',
        },
        { group: ['**/../../../*'], message: 'Use the #folder/ imports.' },
        ...extra,
      ],
    },
  ],
})

const impure = {
  group: ['node:*', '@nats-io/*', 'pg', 'kysely', 'hono', 'hono/*', '@hono/*', '@opentelemetry/*'],
  message: 'The domain is pure: no I/O, no clock, no random.',
}

/** What may be imported across the top folders, however it is spelt. */
const mayImport = {
  events: [],
  domain: ['events'],
  projections: ['events'],
  sandbox: [],
}
const tops = [...Object.keys(mayImport), 'apps', 'test']
const apps = ['edge', 'handler', 'executor', 'projector', 'local']

/** An app may use the shared runtime but never another app; only apps/local composes them. */
const zones = [
  ...Object.entries(mayImport).flatMap(([top, allowed]) =>
    tops
      .filter((other) => other !== top && !allowed.includes(other))
      .map((other) => ({ target: `./${top}`, from: `./${other}` })),
  ),
  { target: './apps', from: './test' },
  { target: './apps/runtime', from: './apps', except: ['./runtime'] },
  { target: './apps/runtime', from: './sandbox' },
  ...apps.map((app) => ({
    target: `./apps/${app}`,
    from: './apps',
    except: [`./${app}`, './runtime'],
  })),
  ...apps
    .filter((app) => app !== 'executor')
    .map((app) => ({ target: `./apps/${app}`, from: './sandbox' })),
  { target: './apps/executor', from: './projections' },
].map((zone) => ({
  ...zone,
  message: 'Imports point one way; see the layout in eslint.config.mjs.',
}))

export default tseslint.config(
  { ignores: ['node_modules', '.sluice', '.cache', 'sandbox/runtimes/**/*.{cjs,js,mjs,py}'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [createTypeScriptImportResolver()],
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'no-console': 'error',
      'import-x/no-cycle': 'error',
      'import-x/no-self-import': 'error',
      'import-x/no-restricted-paths': ['error', { zones, basePath: import.meta.dirname }],
      'max-lines': ['error', { max: 400 }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['events/**/*.ts'], rules: onlyImports([]) },
  {
    files: ['domain/**/*.ts'],
    rules: {
      ...onlyImports(['events'], [impure]),
      'no-restricted-globals': [
        'error',
        'process',
        'fetch',
        'setTimeout',
        'setInterval',
        'performance',
        'crypto',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time arrives as data.' },
        { object: 'Math', property: 'random', message: 'Chance arrives as data.' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Time arrives as data.',
        },
      ],
    },
  },
  { files: ['projections/**/*.ts'], rules: onlyImports(['events']) },
  { files: ['sandbox/**/*.ts'], rules: onlyImports([]) },
  {
    files: ['apps/**/*.ts'],
    ignores: ['apps/executor/**'],
    rules: onlyImports(['events', 'domain', 'projections', 'runtime']),
  },
  {
    files: ['apps/executor/**/*.ts'],
    rules: onlyImports(['events', 'domain', 'sandbox', 'runtime']),
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          ignoreVoid: false,
          allowForKnownSafeCalls: [
            { from: 'package', name: ['describe', 'test', 'it', 'suite'], package: 'node:test' },
          ],
        },
      ],
    },
  },
)
