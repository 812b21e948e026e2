// Owns the shape of a place: what lies behind and before the subjects, and where they can stand in it.
import type { Stage } from '../stage.ts'

export type Backdrop = {
  back: string
  /** Drawn over the subjects: foreground that frames them. */
  front: string
  /** Where a near subject stands, y in units. */
  stand: number
  /** Where a far one stands. */
  far: number
  /** The water's line for what floats; null where there is none. */
  water: number | null
  /** Between these heights things fly. */
  air: readonly [number, number]
  /** What carries those who stand: nothing means they float. */
  floor: 'land' | 'water' | 'none' | 'cloud' | 'top'
  /** Colour of shadows on the ground. */
  shadow: string
  /** Where the main subject would best stand, 0 left to 1 right. */
  focus?: number
}

/** Draws a place. `horizon` is where sky and land meet, y in units. */
export type DrawSetting = (stage: Stage, horizon: number) => Backdrop
