// Owns the list of places: every name of subject.ts has its drawing here.
import type { SettingName } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import { beyondSettings } from './beyond.ts'
import { insideSettings } from './inside.ts'
import { landSettings } from './land.ts'
import { streetSettings } from './street.ts'
import { tabletopSettings } from './tabletop.ts'
import { townSettings } from './town.ts'
import { underwaterSettings } from './underwater.ts'
import { waterSettings } from './waters.ts'
import { wildSettings } from './wilds.ts'

export const allSettings: Readonly<Record<SettingName, DrawSetting>> = {
  ...landSettings,
  ...wildSettings,
  ...waterSettings,
  ...underwaterSettings,
  ...townSettings,
  ...streetSettings,
  ...insideSettings,
  ...tabletopSettings,
  ...beyondSettings,
}
