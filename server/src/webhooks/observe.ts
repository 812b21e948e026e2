// One function per thing that happens to a delivery: metric and log record are written together, here only. URLs and
// answers are the customer's and stay out of the log.
import type { Log } from '../log.ts'
import type { Metrics } from '../telemetry.ts'

export type DeliveryEvents = ReturnType<typeof createDeliveryEvents>

type Named = { deliveryId: string; endpointId: string }

export function createDeliveryEvents(log: Log, metrics: Metrics) {
  return {
    attemptEnded(ids: Named, attempt: { result: string; status: number | null; error: string | null }): void {
      metrics.webhookAttempts.inc({ result: attempt.result })
      log.info({ event: 'webhook.attempted', ...ids, ...attempt }, 'a webhook was sent')
    },
    deliveryEnded(state: string): void {
      metrics.webhookDeliveries.inc({ result: state })
    },
    endpointDisabled({ endpointId }: Pick<Named, 'endpointId'>): void {
      metrics.webhookEndpointsDisabled.inc()
      log.warn(
        { event: 'webhook.disabled', endpointId },
        'a webhook failed too often, or did not prove itself, and is disabled',
      )
    },
    workFailed(what: string, error: unknown): void {
      log.error({ event: 'webhook.work_failed', what, err: error }, 'a webhook is sent later')
    },
  }
}
