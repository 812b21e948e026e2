// The model list: everything that can be called here now, whichever surface it is at home on.
import type { ListedModel, ModelList } from '../../models/catalog.ts'
import { toUnixSeconds } from './present.ts'

export function listWireModels(catalog: ModelList) {
  const data = catalog
    .list('openai')
    .filter(({ offered }) => offered)
    .map(toWireModel)
  return { object: 'list' as const, data }
}

export function findWireModel(catalog: ModelList, id: string) {
  const model = catalog.find('openai', id)
  return model?.offered ? toWireModel(model) : null
}

function toWireModel({ id, createdAt, owner, retiresAt }: ListedModel) {
  return {
    id,
    object: 'model' as const,
    created: toUnixSeconds(createdAt),
    owned_by: owner,
    ...(retiresAt === null ? {} : { shutdown_date: retiresAt }),
  }
}
