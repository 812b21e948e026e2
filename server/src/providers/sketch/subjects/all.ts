// Owns the list of everything the illustrator can draw. Words are unique across it; a test holds that.
import type { Subject } from '../subject.ts'
import { birds } from './birds.ts'
import { sittingAnimals } from './companions.ts'
import { storyPeople } from './costumes.ts'
import { craft } from './craft.ts'
import { devices } from './devices.ts'
import { flowers } from './flowers.ts'
import { food } from './food.ts'
import { fruit } from './fruit.ts'
import { furniture } from './furniture.ts'
import { homes } from './homes.ts'
import { instruments } from './instruments.ts'
import { keepsakes } from './keepsakes.ts'
import { land } from './land.ts'
import { landmarks } from './landmarks.ts'
import { legends } from './legends.ts'
import { withLineDetails } from './line-details.ts'
import { machines } from './machines.ts'
import { people } from './people.ts'
import { roadVehicles } from './road-vehicles.ts'
import { seaLife } from './sea-life.ts'
import { smallCreatures } from './small-creatures.ts'
import { standingAnimals } from './standing.ts'
import { tableware } from './tableware.ts'
import { trees } from './trees.ts'
import { wear } from './wear.ts'

const drawings: readonly Subject[] = [
  ...sittingAnimals,
  ...standingAnimals,
  ...birds,
  ...seaLife,
  ...smallCreatures,
  ...legends,
  ...people,
  ...storyPeople,
  ...machines,
  ...homes,
  ...landmarks,
  ...roadVehicles,
  ...craft,
  ...trees,
  ...flowers,
  ...land,
  ...tableware,
  ...food,
  ...fruit,
  ...furniture,
  ...instruments,
  ...devices,
  ...wear,
  ...keepsakes,
]

/** Every drawing there is. */
export const allSubjects: readonly Subject[] = drawings.map(subject => ({
  ...subject,
  draw: (pen, look) => subject.draw(withLineDetails(pen), look),
}))
