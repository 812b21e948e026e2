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
    name: 'LOSS_ALARM_USD',
    default: '100',
    values: '1 to 1000000',
    meaning:
      'Dollars lost at one provider on a UTC day, in answers that were lost and work that could not be delivered, that raise an alarm. It cannot be switched off.',
  },
  {
    name: 'LOSS_CAP_USD',
    default: '0',
    values: '0 to 1000000',
    meaning:
      'Dollars lost at one provider on a UTC day at which nothing new is sent there, until midnight UTC or `darkroomd providers resume`; `0` = it is never stopped for that.',
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
