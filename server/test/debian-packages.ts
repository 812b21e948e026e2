// Debian packages that a suite needs, installed when they are missing. What cannot be installed fails the suite and
// says what it needs; nothing is skipped.
import { spawnSync } from 'node:child_process'

/** On a slow line: a browser is a hundred megabytes. */
const patienceMs = 300_000

export type Needed = {
  packages: readonly string[]
  /** Such as "Tests of storage in a bucket". */
  what: string
  isThere(): boolean
}

/** As root or by sudo without a password. */
export function ensureInstalled({ packages, what, isThere }: Needed): void {
  if (isThere()) return
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const run = (...args: string[]) => {
    const [command = '', ...values] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args]
    return spawnSync(command, values, { encoding: 'utf8', timeout: patienceMs })
  }
  const install = () => run('install', '-y', '--no-install-recommends', ...packages)
  let installed = install()
  // The lists of a fresh machine are empty or old.
  if (installed.status !== 0 && run('update').status === 0) installed = install()
  if (installed.status === 0 && isThere()) return
  const why = (installed.stderr || String(installed.error ?? '')).split('\n').slice(-5).join('\n')
  throw new Error(
    `${what} need the Debian packages ${packages.join(' ')}, and they could not be installed; as root or with sudo they would be:\n${why}`,
  )
}
