// Settings of how much an account may ask for.
import type { Setting } from './setting.ts'

export const limiting: Setting[] = [
  {
    name: 'GETIMG_REQUESTS_PER_MINUTE',
    default: '20',
    values: '0 to 1000000',
    meaning:
      'Orders of one account through the getimg API in 60 seconds, refused ones included; `0` = no limit. A key with a rate of its own is counted by itself.',
  },
  {
    name: 'GETIMG_IN_FLIGHT',
    default: '5',
    values: '0 to 1000000',
    meaning:
      'Orders of one account through the getimg API that may be under way at once; `0` = no limit. A key with a cap of its own is counted by itself.',
  },
  {
    name: 'LOSS_CAP_USD',
    default: '100',
    values: '0 to 1000000',
    meaning:
      'Dollars that you may lose at one provider on a UTC day, in answers that were lost and work that could not be delivered, before an alarm; `0` = no cap.',
  },
  {
    name: 'LOSS_CAP_STOPS',
    default: 'on',
    values: 'on, off',
    meaning:
      'Whether nothing new is sent to a provider at that cap, until midnight UTC or `darkroomd providers resume`. Off: only the alarm.',
  },
  {
    name: 'UPLOADS_UNUSED',
    default: '100',
    values: '0 to 1000000',
    meaning:
      'Uploads of one account that no order has used yet; more are refused with 429. `0` = none may be announced.',
  },
  {
    name: 'UPLOADS_UNUSED_MB',
    default: '500',
    values: '0 to 1000000',
    meaning: 'Megabytes of these uploads together, as they were announced.',
  },
]
