// Style, script and icon of the console: read once, served from our own origin under a name that carries their hash,
// so that browsers may keep them for ever and take nothing else for them.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Asset = { path: string; text: string; mediaType: string; integrity: string }
export type Assets = { style: Asset; script: Asset; icon: Asset }

export const assetsPath = '/operator/assets'

export function loadAssets(): Assets {
  const folder = findFolder()
  return {
    style: loadAsset(folder, 'console.css', 'text/css; charset=utf-8'),
    script: loadAsset(folder, 'console.js', 'text/javascript; charset=utf-8'),
    icon: loadAsset(folder, 'icon.svg', 'image/svg+xml'),
  }
}

/** Seen from dist/, where the build puts it, as from here. */
function findFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  for (const candidate of [join(here, 'console-page'), join(here, 'page')])
    if (existsSync(join(candidate, 'console.css'))) return candidate
  throw new Error(`the folder console-page/ is missing in ${here}: install the whole package`)
}

function loadAsset(folder: string, file: string, mediaType: string): Asset {
  const text = readFileSync(join(folder, file), 'utf8')
  const digest = createHash('sha256').update(text)
  const integrity = `sha256-${digest.copy().digest('base64')}`
  // A name needs to differ, not to be checked: that is what the integrity is for.
  const version = digest.digest('hex').slice(0, 16)
  return { path: `${assetsPath}/${file.replace('.', `-${version}.`)}`, text, mediaType, integrity }
}
