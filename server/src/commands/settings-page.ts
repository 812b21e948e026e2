// The page docs/configuration.md, written from the table of settings.
import { settingGroups } from '../settings.ts'

/** A test compares it with the file. */
export function renderSettings(): string {
  const intro = [
    '# Configuration',
    '',
    'Everything is set by environment variables, read once at start; all are optional, and an empty value counts as',
    'unset. A wrong value stops the start with a list of everything that is wrong. This page is written by',
    '`npm run --silent darkroom -- settings --markdown > docs/configuration.md`.',
  ]
  const groups = settingGroups.flatMap(group => [
    '',
    `## ${group.title}`,
    '',
    '| variable | default | values | meaning |',
    '|---|---|---|---|',
    ...group.settings.map(
      setting =>
        `| \`${setting.name}\` | ${setting.default === '' ? '–' : `\`${setting.default}\``} | ${setting.values} | ${setting.meaning} |`,
    ),
  ])
  return `${[...intro, ...groups].join('\n')}\n`
}
