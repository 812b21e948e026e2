// Metrics, in Prometheus' words. Labels are few and bounded: never an account, a key or a prompt.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Image work takes seconds to minutes. */
const generationBuckets = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640]
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers: Registers = [registry]
  return {
    registry,
    ...countRequests(registers),
    ...countGenerations(registers),
    ...watchQueue(registers),
    ...watchRoutes(registers),
    ...countWebhooks(registers),
    ...countMails(registers),
  }
}

type Registers = [Registry]

function countRequests(registers: Registers) {
  return {
    requests: new Counter({
      name: 'darkroom_http_requests_total',
      help: 'Answers sent, by dialect, route, method and status.',
      labelNames: ['dialect', 'route', 'method', 'status'] as const,
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Time from the request line to the last byte of the answer.',
      labelNames: ['dialect', 'route'] as const,
      buckets: requestBuckets,
      registers,
    }),
  }
}

function countGenerations(registers: Registers) {
  return {
    generations: new Counter({
      name: 'darkroom_generations_total',
      help: 'Generations that ended, by model, provider that was asked last (none = nobody was), state and reason.',
      labelNames: ['model', 'provider', 'dialect', 'state', 'reason'] as const,
      registers,
    }),
    generationSeconds: new Histogram({
      name: 'darkroom_generation_duration_seconds',
      help: 'Time from acceptance to the end, by model, provider that was asked last and state.',
      labelNames: ['model', 'provider', 'state'] as const,
      buckets: generationBuckets,
      registers,
    }),
    attempts: new Counter({
      name: 'darkroom_attempts_total',
      help: 'Calls to upstreams, by provider, upstream model and outcome (succeeded, canceled or the failure kind); one that is pending is counted again when its task has ended.',
      labelNames: ['provider', 'upstream_model', 'outcome'] as const,
      registers,
    }),
    attemptSeconds: new Histogram({
      name: 'gen_ai_client_operation_duration_seconds',
      help: 'Duration of calls to upstreams.',
      labelNames: ['gen_ai_provider_name', 'gen_ai_request_model', 'error_type'] as const,
      buckets: generationBuckets,
      registers,
    }),
    breakerOpen: new Gauge({
      name: 'darkroom_breaker_open',
      help: 'Whether this process only probes an upstream model, because its last calls all failed: 1 or 0.',
      labelNames: ['provider', 'upstream_model'] as const,
      registers,
    }),
    images: new Counter({
      name: 'darkroom_images_total',
      help: 'Images delivered, by model.',
      labelNames: ['model'] as const,
      registers,
    }),
    credits: new Counter({
      name: 'darkroom_credits_total',
      help: 'Credits captured or released.',
      labelNames: ['type'] as const,
      registers,
    }),
    moderation: new Counter({
      name: 'darkroom_moderation_total',
      help: 'Safety checks of our own, by stage (input, output) and outcome (passed, refused, down).',
      labelNames: ['stage', 'outcome'] as const,
      registers,
    }),
    unknownRatio: new Gauge({
      name: 'darkroom_unknown_outcome_ratio',
      help: 'Share of upstream calls and tasks whose outcome is unknown, over the last 1,000 of each provider that ended.',
      labelNames: ['provider'] as const,
      registers,
    }),
  }
}

function watchRoutes(registers: Registers) {
  const labelNames = ['provider', 'upstream_model'] as const
  return {
    routeGone: new Gauge({
      name: 'darkroom_route_gone_timestamp_seconds',
      help: 'Since when a route is switched off because its upstream says that it has no such model, whole installation.',
      labelNames,
      registers,
    }),
    routeInFlight: new Gauge({
      name: 'darkroom_route_in_flight',
      help: 'Calls of orders under way at a route, whole installation.',
      labelNames,
      registers,
    }),
    routeWaiting: new Gauge({
      name: 'darkroom_route_waiting',
      help: 'Generations waiting for a place at a paced route, whole installation.',
      labelNames,
      registers,
    }),
    routeLastSuccess: new Gauge({
      name: 'darkroom_route_last_success_timestamp_seconds',
      help: 'When a call to a route last succeeded, at any process; 0 = never.',
      labelNames,
      registers,
    }),
    routeLastFailure: new Gauge({
      name: 'darkroom_route_last_failure_timestamp_seconds',
      help: "When a call to a route last failed through no customer's fault, at any process; 0 = never.",
      labelNames,
      registers,
    }),
  }
}

function countWebhooks(registers: Registers) {
  return {
    webhookAttempts: new Counter({
      name: 'darkroom_webhook_attempts_total',
      help: 'Attempts to send a webhook, by result (succeeded, failed).',
      labelNames: ['result'] as const,
      registers,
    }),
    webhookDeliveries: new Counter({
      name: 'darkroom_webhook_deliveries_total',
      help: 'Webhook deliveries that ended, by result (delivered, exhausted, dropped).',
      labelNames: ['result'] as const,
      registers,
    }),
    webhookEndpointsDisabled: new Counter({
      name: 'darkroom_webhook_endpoints_disabled_total',
      help: 'Webhook endpoints that failed so often that they were disabled.',
      registers,
    }),
    webhooksPending: new Gauge({
      name: 'darkroom_webhook_deliveries_pending',
      help: 'Webhook deliveries that have not ended, those that wait for their next attempt included.',
      registers,
    }),
    webhookQueueAgeSeconds: new Gauge({
      name: 'darkroom_webhook_queue_age_seconds',
      help: 'How long the webhook delivery that is due longest has waited for a worker.',
      registers,
    }),
  }
}

function countMails(registers: Registers) {
  return {
    mails: new Counter({
      name: 'darkroom_mails_total',
      help: 'Letters to accounts, by result: sent, deferred (tried again later), failed, expired (waited too long).',
      labelNames: ['result'] as const,
      registers,
    }),
    mailQueueAgeSeconds: new Gauge({
      name: 'darkroom_mail_queue_age_seconds',
      help: 'How late the letter is that is due longest; 0 where SMTP_URL is unset.',
      registers,
    }),
  }
}

function watchQueue(registers: Registers) {
  return {
    queueDepth: new Gauge({
      name: 'darkroom_queue_depth',
      help: 'Generations waiting for a worker.',
      registers,
    }),
    queueWaiting: new Gauge({
      name: 'darkroom_queue_waiting_for_route',
      help: 'Generations waiting for a place at a paced route.',
      registers,
    }),
    queueAgeSeconds: new Gauge({
      name: 'darkroom_queue_age_seconds',
      help: 'Age of the oldest generation waiting for a worker.',
      registers,
    }),
    openHolds: new Gauge({ name: 'darkroom_holds_open', help: 'Holds not resolved yet.', registers }),
    missingObjects: new Counter({
      name: 'darkroom_objects_missing_total',
      help: 'Reads of stored objects that were not there; anything but 0 is lost work.',
      registers,
    }),
    damagedObjects: new Counter({
      name: 'darkroom_objects_damaged_total',
      help: 'Stored pictures that the scrub found changed or unreadable; anything but 0 is lost work.',
      labelNames: ['problem'] as const,
      registers,
    }),
    scrubbed: new Counter({
      name: 'darkroom_objects_scrubbed_total',
      help: 'Stored pictures that were read and compared with what is on record.',
      registers,
    }),
    leftovers: new Counter({
      name: 'darkroom_leftovers_removed_total',
      help: 'Objects that were no result of any order and were removed.',
      registers,
    }),
    retentionAnnounced: new Gauge({
      name: 'darkroom_retention_announced',
      help: 'Generations that a shorter RETENTION_DAYS, which was announced, will delete when it comes into force, or more; 1 until they are counted.',
      registers,
    }),
    running: new Gauge({
      name: 'darkroom_generations_running',
      help: 'Generations this process runs.',
      registers,
    }),
    ...watchBooks(registers),
  }
}

function watchBooks(registers: Registers) {
  return {
    lossToday: new Gauge({
      name: 'darkroom_operator_loss_today_usd',
      help: 'What was lost at each provider on this UTC day: billed, or perhaps, and not delivered.',
      labelNames: ['provider'] as const,
      registers,
    }),
    lossAlarm: new Gauge({
      name: 'darkroom_operator_loss_alarm',
      help: '1 while the losses of a provider have reached the alarm of the day and were not accepted.',
      labelNames: ['provider'] as const,
      registers,
    }),
    lossAtCap: new Gauge({
      name: 'darkroom_operator_loss_at_cap',
      help: '1 while the losses of a provider have reached the cap of the day and were not accepted.',
      labelNames: ['provider'] as const,
      registers,
    }),
    marginUsd: new Gauge({
      name: 'darkroom_margin_usd',
      help: 'Of orders that ended in the last 24 hours, by model: revenue, cost, lost. Worked out hourly.',
      labelNames: ['model', 'part'] as const,
      registers,
    }),
    invariantViolations: new Gauge({
      name: 'darkroom_invariant_violations',
      help: 'Rows of the invariant check; anything but 0 is an incident.',
      labelNames: ['scope'] as const,
      registers,
    }),
    invariantCheckFailed: new Gauge({
      name: 'darkroom_invariant_check_failed',
      help: '1 when the last invariant check did not come to its end: nobody knows whether the books balance.',
      labelNames: ['scope'] as const,
      registers,
    }),
    invariantCheckSeconds: new Gauge({
      name: 'darkroom_invariant_check_seconds',
      help: 'How long the last invariant check took.',
      labelNames: ['scope'] as const,
      registers,
    }),
  }
}
