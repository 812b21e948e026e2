// Owns the list of places: every name of subject.ts has its drawing here.
import type { SettingName } from '../subject.ts'
import type { DrawSetting } from './backdrop.ts'
import { landSettings } from './land.ts'
import { waterSettings } from './waters.ts'

export const allSettings: Readonly<Record<SettingName, DrawSetting>> = {
  ...landSettings,
  ...waterSettings,
  city: landSettings.meadow,
  street: landSettings.meadow,
  space: landSettings.snow,
  planet: landSettings.desert,
  room: landSettings.meadow,
  library: landSettings.meadow,
  table: landSettings.meadow,
  studio: landSettings.meadow,
  clouds: landSettings.meadow,
}
