// The paths of generations, as patterns of the router.
export const paths = {
  generations: '/api/v1/generations',
  generation: '/api/v1/generations/:id',
  image: '/api/v1/generations/:id/images/:index',
} as const
