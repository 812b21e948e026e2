// The paths of generations, as patterns of the router.
export const paths = {
  generations: '/api/v1/generations',
  quote: '/api/v1/generations/quote',
  generation: '/api/v1/generations/:id',
  cancel: '/api/v1/generations/:id/cancel',
  events: '/api/v1/generations/:id/events',
  catalog: '/api/v1/catalog',
  routes: '/api/v1/routes',
  dailyUsage: '/api/v1/usage/daily',
  image: '/api/v1/generations/:id/images/:index',
} as const
